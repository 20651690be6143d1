"""Which records are one person: keys first, then weights, then clusters that may not contradict.

Records that share a full phone, an e-mail or a national id under compatible names are one person by
rule; other pairs are weighed by Splink (`linkage.py`). Two who give different names are never one
for sharing a phone or an address: households and recycled numbers stay apart, also where a masked
record could be either. What is learnt (weights, how frequent names are) is kept in a `LinkModel`:
records added later are compared with the ones at hand only where they meet, and the answer is that
of a run over all records with the same model.
"""

import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Final

import numpy as np
import pandas as pd
from splink import DuckDBAPI, Linker

from models_ml.frames import FrameError, require_columns, require_unique, require_values
from models_ml.identity.clusters import cluster_accounts
from models_ml.identity.linkage import (
    LinkagePlan,
    evidence_of,
    household_once,
    linker_settings,
    trained_linker,
)
from models_ml.identity.roles import Columns, Role, comparable, fields_of, roles_of

RESOLUTION_COLUMNS: Final = ("record", "entity", "probability", "evidence")
Frames = pd.DataFrame | Sequence[pd.DataFrame] | Mapping[str, pd.DataFrame]

_RULES: Final = (
    ("national_id",), ("email",), ("phone_visible",), ("birth_date",),
    ("name_key", "birth_year"), ("name_key", "city"), ("name_key", "region"),
    ("name_key", "postcode"), ("name_key", "address_numbers"), ("name_key", "street"),
    ("name_visible", "address_numbers"), ("given_name", "family_name"), ("given_name", "postcode"),
    ("given_name", "city"), ("family_name", "postcode"), ("family_name", "birth_year"),
    ("postcode", "street_number"), ("postcode", "address"), ("street",),
    ("street", "street_number"),
)  # fmt: skip
_TRAINING: Final = (
    ("national_id",), ("birth_date",), ("email",), ("phone",), ("name_key", "address_numbers"),
    ("name_key", "postcode"), ("name_key", "city"),
)  # fmt: skip
_ANCHORS: Final = (
    ("national_id",), ("email",), ("phone", "name_key"), ("name_key", "birth_date"),
    ("name_key", "address_numbers"),
)  # fmt: skip
_KEYS: Final = ("phone", "email", "national_id")
_SAME: Final = 3
"""Splink's level of full agreement of a key; each has four levels."""
_HOUSEHOLD: Final = ("phone", "address", "street", "postcode", "city", "street_number")


@dataclass(frozen=True, kw_only=True)
class ResolveSettings:
    """Parameters of `resolve`.

    Attributes:
        least_probability: pairs below are no link.
        by_rule: probability of a pair that a rule puts together.
        most_records: above which an entity grows by rules only.
        most_pairs: a blocking rule that would compare more is left out.
        least_training_pairs: below, weights stay Splink's defaults.
        most_training_records: drawn above.
        anchor_recall: share of true pairs that agree on some anchor.
        most_random_pairs: drawn to learn how often strangers agree.
        seed: of draws.
    """

    least_probability: float = 0.9
    by_rule: float = 0.9999
    most_records: int = 50
    most_pairs: int = 30_000_000
    least_training_pairs: int = 20
    most_training_records: int = 60_000
    anchor_recall: float = 0.8
    most_random_pairs: int = 500_000
    seed: int = 1


@dataclass(frozen=True)
class LinkModel:
    """Everything that was learnt; records are read and compared alike under one model."""

    roles: tuple[Role, ...]
    plan: LinkagePlan
    weights: Any
    """Splink's settings with what was learnt."""
    frequencies: dict[str, dict[Any, float]]
    rarest: float
    settings: ResolveSettings


def resolve(
    frames: Frames,
    *,
    columns: Columns,
    settings: ResolveSettings | None = None,
    model: LinkModel | None = None,
) -> pd.DataFrame:
    """The person behind every record.

    Args:
        frames: one frame, several, or several by the name of their source; each with the columns
            named. A source's records have ids of their own; without names ids must be unique
            over all frames.
        columns: role to column, or column names that tell their role; see `roles.ROLES`. Text;
            empty and null are missing.
        settings: thresholds.
        model: learnt earlier; learnt from these records if left out.

    Returns:
        One row per record, in the frames' order: `record`, `entity` (the smallest record of the
        person), `probability` (of its strongest link within the person; 1 for a single record) and
        `evidence` (of that link, with whom); and `source` if the sources have names.

    Raises:
        FrameError: a role is unknown, a column is missing, a record id is missing or occurs twice,
            or nothing that can be compared is named.
    """
    if model:
        resolver = Resolver(model)
        resolver.add(frames)
    else:
        records, roles, chosen = _given(frames, columns, settings)
        resolver = Resolver(_learnt(records, roles, chosen))
        resolver.compare(records)
    return resolver.resolution()


def learn_links(
    frames: Frames, *, columns: Columns, settings: ResolveSettings | None = None
) -> LinkModel:
    """The weights of agreement, learnt without labels from these records.

    Raises:
        FrameError: as `resolve`.
    """
    return _learnt(*_given(frames, columns, settings))


def _given(
    frames: Frames, columns: Columns, settings: ResolveSettings | None
) -> tuple[pd.DataFrame, tuple[Role, ...], ResolveSettings]:
    roles = roles_of(columns)
    if not {role.name for role in roles} - {"record"}:
        raise FrameError("The columns name nothing that can be compared; name a role beside it.")
    return _read(frames, roles), roles, settings or ResolveSettings()


def _learnt(records: pd.DataFrame, roles: tuple[Role, ...], chosen: ResolveSettings) -> LinkModel:
    if len(records) > chosen.most_training_records:
        # Whole neighbourhoods must stay together: a share of the records would lose most pairs.
        records = _neighbourhoods(records, chosen)
    plan = _plan(records, roles, chosen)
    shown = [f.columns[0] for f in plan.fields if f.weighs_rarity]
    frequencies = {
        column: records[column].value_counts(normalize=True).to_dict() for column in shown
    }
    rarest = 1 / max(len(records), 1)
    if len(records) > 1 and len(plan.training) > 1 and plan.anchors:
        weights: Any = trained_linker(records, plan).misc.save_model_to_json()
    else:
        weights = linker_settings(plan)
    return LinkModel(roles, plan, weights, frequencies, rarest, chosen)


@dataclass
class Resolver:
    """Records at hand and the links among them; `add` more, then ask for the `resolution`."""

    model: LinkModel
    _records: pd.DataFrame = field(default_factory=pd.DataFrame)
    _scored: list[pd.DataFrame] = field(default_factory=list)

    def add(self, frames: Frames) -> None:
        """Compare further records with each other and with those at hand.

        Raises:
            FrameError: as `resolve`; also where an id is at hand already.
        """
        self.compare(_read(frames, self.model.roles))

    def compare(self, new: pd.DataFrame) -> None:
        """`add` of records that are read already."""
        both = pd.concat([self._records, new], ignore_index=True)
        require_unique(both, ["record_id"], name="records")
        if len(both) > 1 and len(new):
            self._scored += _scored(self._records, new, self.model)
        self._records = both

    def resolution(self) -> pd.DataFrame:
        """The person behind every record, as `resolve` returns it."""
        links, apart = self._links()
        ids = self._records["record_id"].to_numpy(dtype=object)
        # Records go by their place in the order of ids: whole numbers are compared in a fraction of
        # the time that texts take, and have the same order.
        order = np.argsort(ids, kind="stable")
        rank = np.empty(len(ids), dtype=np.int64)
        rank[order] = np.arange(len(ids))
        index = pd.Index(ids)
        ends = ["record_a", "record_b"]
        left, right = (rank[index.get_indexer(links[end])] for end in ends)
        clusters = cluster_accounts(
            links[["match_probability", "is_decided"]].assign(account_a=left, account_b=right),
            pd.DataFrame(
                {f"account_{end[-1]}": rank[index.get_indexer(apart[end])] for end in ends}
            ),
            most_accounts=self.model.settings.most_records,
        )
        first = np.arange(len(ids))
        first[clusters["account"].to_numpy(dtype=np.int64)] = clusters["cluster"]
        within = np.flatnonzero(first[left] == first[right])
        chosen, best, other = _strongest(links.iloc[within], left[within], right[within])
        told = self._records[["source", "record"]]
        probability = np.ones(len(ids))
        probability[order[chosen]] = best["match_probability"]
        evidence = np.full(len(ids), "", dtype=object)
        if len(best):
            with_whom = (
                pd.Series(ids[order[other]]).str.split("\x1f").str[-1].to_numpy(dtype=object)
            )
            told_of = evidence_of(best, self.model.plan).to_numpy(dtype=object)
            evidence[order[chosen]] = "with " + with_whom + ": " + told_of
        entity = pd.Series(ids[order[first[rank]]], index=told.index)
        record = told.set_axis(ids)["record"]
        made = pd.DataFrame(
            {
                "record": told["record"],
                "entity": _entity(entity, record, told["source"]),
                "probability": probability,
                "evidence": evidence,
            }
        )
        if (told["source"] != "").any():
            made.insert(0, "source", told["source"])
        return made

    def _links(self) -> tuple[pd.DataFrame, pd.DataFrame]:
        """Pairs that are one person, and pairs that never are."""
        ends = ["record_a", "record_b"]
        if not self._scored:
            nothing = pd.DataFrame({name: pd.Series(dtype=object) for name in ends})
            return nothing.assign(
                match_probability=0.0, match_weight=0.0, is_decided=False
            ), nothing
        scored = pd.concat(self._scored, ignore_index=True)
        settings = self.model.settings
        vetoed = scored["is_apart"].to_numpy(dtype=bool)
        links = scored[~vetoed & (scored["match_probability"] >= settings.least_probability)]
        return links.reset_index(drop=True), scored.loc[vetoed, ends].reset_index(drop=True)


def _entity(entity: pd.Series, record: pd.Series, source: pd.Series) -> pd.Series:
    # With named sources a bare id may occur in two: the source belongs to the entity's name.
    if (source != "").any():
        return entity.str.replace("\x1f", ":", regex=False)
    return entity.map(record)


def _read(frames: Frames, roles: tuple[Role, ...]) -> pd.DataFrame:
    """All frames' records, comparable; `record_id` is source and record."""
    if isinstance(frames, pd.DataFrame):
        given = [("", frames)]
    elif isinstance(frames, Mapping):
        given = list(frames.items())
    else:
        given = [("", frame) for frame in frames]
    made = []
    for source, frame in given:
        name = source or "records"
        columns = [c for role in roles for c in role.columns]
        require_columns(frame, columns, name=name)
        ids = {role.name: role.columns[0] for role in roles}.get("record")
        own = frame[ids] if ids else pd.Series(frame.index, index=frame.index)
        require_values(frame.assign(record=own), ["record"], name=name)
        told = comparable(frame, roles).assign(source=source, record=own)
        text = own.astype(str)
        made.append(told.assign(record_id=(source + "\x1f" + text) if source else text))
    if not made:
        raise FrameError("There is no frame of records; pass at least one.")
    records = pd.concat(made, ignore_index=True)
    require_unique(records, ["record_id"], name="records")
    return records


def _neighbourhoods(records: pd.DataFrame, settings: ResolveSettings) -> pd.DataFrame:
    """Records with a key that ends on drawn values, so that pairs sharing a key stay pairs."""
    keys = [key for key in ("phone_visible", "email", "national_id", "name_key") if key in records]
    if not keys:
        return records.sample(settings.most_training_records, random_state=settings.seed)
    share = settings.most_training_records / len(records)
    first = records[keys].bfill(axis=1).iloc[:, 0].fillna(records["record_id"]).astype(str)
    drawn = pd.util.hash_pandas_object(first, index=False).to_numpy() < share * 2.0**64
    kept: pd.DataFrame = records[drawn].reset_index(drop=True)
    return kept


def _plan(records: pd.DataFrame, roles: tuple[Role, ...], settings: ResolveSettings) -> LinkagePlan:
    def usable(rules: tuple[tuple[str, ...], ...], least: int) -> tuple[tuple[str, ...], ...]:
        return tuple(
            rule
            for rule in rules
            if set(rule) <= set(records.columns)
            and least <= _pairs(records, rule) <= settings.most_pairs
        )

    fields = fields_of(records, roles)
    blocking = usable(_RULES, 0)
    if ("street",) in blocking and _pairs(records, ("street",)) > 20 * len(records):
        blocking = tuple(rule for rule in blocking if rule != ("street",))
    shared = tuple(f.name for f in fields if f.name in _HOUSEHOLD)
    return LinkagePlan(
        fields=fields,
        blocking=blocking,
        training=usable(_TRAINING, settings.least_training_pairs)[:3],
        anchors=usable(_ANCHORS, settings.least_training_pairs),
        anchor_recall=settings.anchor_recall,
        name="name" if any(f.name == "name" for f in fields) else "",
        household=shared if "phone" in shared else (),
        most_random_pairs=settings.most_random_pairs,
        seed=settings.seed,
    )


def _pairs(records: pd.DataFrame, rule: tuple[str, ...]) -> int:
    """How many pairs of records agree on all columns of the rule."""
    given = records[list(rule)].dropna()
    sizes = given.groupby(list(rule)).size().to_numpy()
    return int((sizes * (sizes - 1) // 2).sum())


def _frequencies(records: pd.DataFrame, model: LinkModel) -> dict[str, pd.DataFrame]:
    """Of every column how frequent its values were when the model was learnt."""
    made = {}
    for column, known in model.frequencies.items():
        values = records[column].dropna().unique()
        shares = [known.get(value, model.rarest) for value in values]
        made[column] = pd.DataFrame({column: values, f"tf_{column}": shares})
    return made


def _scored(at_hand: pd.DataFrame, new: pd.DataFrame, model: LinkModel) -> list[pd.DataFrame]:
    """Pairs among the new records and between them and those at hand."""
    api = DuckDBAPI()
    # Ids of Python objects (numbers, dates) are told by record_id alone.
    fresh = api.register(new.drop(columns=["record"]), dataset_display_name="fresh")
    linker = Linker(fresh, model.weights, log_level=logging.ERROR)
    for column, known in _frequencies(pd.concat([at_hand, new]), model).items():
        linker.table_management.register_term_frequency_lookup(api.register(known), column)
    predicted = [linker.inference.predict_within(fresh, warning_mode="never")]
    if len(at_hand):
        old = api.register(at_hand.drop(columns=["record"]), dataset_display_name="old")
        predicted.append(linker.inference.predict_between(old, fresh, warning_mode="never"))
    return [_judged(_kept(api, table, model), model) for table in predicted]


def _kept(api: DuckDBAPI, table: Any, model: LinkModel) -> pd.DataFrame:
    """Of the scored pairs those that may be links or must stay apart."""
    least = model.settings.least_probability / 10
    conditions = [f"match_probability >= {least}"]
    names = {f.name for f in model.plan.fields}
    if {"name", "phone"} <= names:
        conditions.append("gamma_phone > 0 and gamma_name = 0")
    conditions += [f"gamma_{key} = {_SAME}" for key in _KEYS if key in names]
    query = f"select * from {table.physical_name} where {' or '.join(conditions)}"  # noqa: S608
    kept: pd.DataFrame = api._con.execute(query).df()
    return kept


def _judged(scored: pd.DataFrame, model: LinkModel) -> pd.DataFrame:
    """Splink's pairs with what the rules say of them."""
    plan, settings = model.plan, model.settings
    scored = household_once(scored, plan)
    left, right = scored["record_id_l"].astype(str), scored["record_id_r"].astype(str)
    scored["record_a"], scored["record_b"] = (
        left.where(left < right, right),
        left.where(left > right, right),
    )
    levels = {f.name: scored[f"gamma_{f.name}"].to_numpy() for f in plan.fields}
    nothing = np.full(len(scored), -1)
    name = levels.get("name", nothing)
    phone, email, national, birth = (
        levels.get(key, nothing) == top
        for key, top in [(key, _SAME) for key in (*_KEYS, "birth_date")]
    )
    seen = levels.get("phone", nothing) > 0
    differs = name == 0
    scored["is_apart"] = differs & seen & ~(email | national | birth)
    by_rule = (phone | email | national) & ~differs
    probability = scored["match_probability"].to_numpy(dtype=np.float64)
    scored["match_probability"] = np.where(
        by_rule, np.maximum(probability, settings.by_rule), probability
    )
    scored["is_decided"] = False
    kept = ["record_a", "record_b", "match_probability", "match_weight", "is_decided", "is_apart"]
    kept += ["household", *(f"{a}_{f.name}" for f in plan.fields for a in ("gamma", "mw"))]
    return scored[kept]


def _strongest(
    links: pd.DataFrame, left: np.ndarray, right: np.ndarray
) -> tuple[np.ndarray, pd.DataFrame, np.ndarray]:
    """Of every linked record its rank, its strongest link and the rank of the other record."""
    own, other = np.concatenate([left, right]), np.concatenate([right, left])
    keys = ["match_weight", "match_probability"]
    strength = [-np.tile(links[key].to_numpy(dtype=np.float64), 2) for key in keys]
    order = np.lexsort((other, *strength, own))
    chosen, first = np.unique(own[order], return_index=True)
    place = order[first]
    return chosen, links.iloc[place % max(len(links), 1)], other[place]
