"""Unsupervised person linkage: FEBRL 1 to 3, and a simulated Chinese world with records added.

Truth, which FEBRL writes into the record ids, is hidden from the matcher: records come in another
order under ids of their own. One call with the same settings serves all sets. Figures are of pairs
for FEBRL, B-cubed for the simulated world (`chinese_people.py`).
"""

import itertools
import time
from pathlib import Path
from typing import Any

import pandas as pd

from models_ml.identity import Resolver, learn_links, resolve
from tests.benchmarks import chinese_people
from tests.conftest import real_data_folder

FEBRL_COLUMNS = {
    "record": "record_id", "given_name": "given_name", "family_name": "surname",
    "street_number": "street_number", "street": "address_1", "address": "address_2",
    "city": "suburb", "postcode": "postcode", "region": "state", "birth_date": "date_of_birth",
    "national_id": "soc_sec_id",
}  # fmt: skip
CHINESE_COLUMNS = {
    "record": "record_id", "name": "name", "phone": "phone", "email": "email",
    "address": "address", "region": "province",
}  # fmt: skip
CHINESE_RECORDS, ADDED_RECORDS = 200_000, 10_000


def run() -> dict[str, Any]:
    """Figures of each set, prefixed with its name."""
    figures: dict[str, Any] = {}
    for number in (1, 2, 3):
        figures |= {f"febrl{number}_{k}": v for k, v in measure(number).items()}
    return figures | {f"chinese_{k}": v for k, v in chinese().items()}


def measure(number: int) -> dict[str, float]:
    """Pairwise figures of one FEBRL set, and the seconds it took."""
    records, person = hidden_truth(real_data_folder(), number)
    started = time.perf_counter()
    resolved = resolve(records, columns=FEBRL_COLUMNS)
    seconds = time.perf_counter() - started
    found = pairs_of(resolved.set_index("record")["entity"])
    true = pairs_of(person)
    precision = len(found & true) / len(found)
    recall = len(found & true) / len(true)
    return {
        "records": len(records),
        "true_pairs": len(true),
        "precision": round(precision, 5),
        "recall": round(recall, 5),
        "f1": round(2 * precision * recall / (precision + recall), 5),
        "seconds": round(seconds, 1),
    }


def chinese(count: int = CHINESE_RECORDS, added: int = ADDED_RECORDS) -> dict[str, float]:
    """B-cubed figures of the world of `chinese_people`, and of records added to it later."""
    table, person = chinese_people.records(count + added)
    started, processor = time.perf_counter(), time.process_time()
    model = learn_links(table[:count], columns=CHINESE_COLUMNS)
    resolver = Resolver(model)
    resolver.add(table[:count])
    first = resolver.resolution()
    seconds, processor = time.perf_counter() - started, time.process_time() - processor
    started, processor_added = time.perf_counter(), time.process_time()
    resolver.add(table[count:])
    grown = resolver.resolution()
    seconds_added = time.perf_counter() - started
    processor_added = time.process_time() - processor_added
    whole = resolve(table, columns=CHINESE_COLUMNS, model=model)
    precision, recall, f1 = b_cubed(person[:count], first.set_index("record")["entity"])
    return {
        "records": count,
        "b_cubed_precision": round(precision, 4),
        "b_cubed_recall": round(recall, 4),
        "b_cubed_f1": round(f1, 4),
        "seconds": round(seconds, 1),
        "processor_seconds": round(processor, 1),
        "added": added,
        "added_seconds": round(seconds_added, 1),
        "added_processor_seconds": round(processor_added, 1),
        "added_differ_from_full_run": int((grown["entity"] != whole["entity"]).sum()),
    }


def b_cubed(person: pd.Series, entity: pd.Series) -> tuple[float, float, float]:
    """B-cubed precision, recall and F1 (Bagga and Baldwin 1998) of records indexed alike."""
    both = pd.DataFrame({"true": person, "found": entity.reindex(person.index)})
    cells = both.groupby(["true", "found"]).size().rename("count").reset_index()
    squares = cells["count"] ** 2
    precision = (squares / cells["found"].map(both["found"].value_counts())).sum() / len(both)
    recall = (squares / cells["true"].map(both["true"].value_counts())).sum() / len(both)
    return float(precision), float(recall), float(2 * precision * recall / (precision + recall))


def hidden_truth(folder: Path, number: int) -> tuple[pd.DataFrame, pd.Series]:
    """The shuffled records under new ids, and whose each is, which the matcher never sees."""
    path = folder / "identity_febrl" / f"febrl_dataset{number}.parquet"
    read = pd.read_parquet(path).sample(frac=1, random_state=number, ignore_index=True)
    ids = pd.Index([f"record-{position:05}" for position in range(len(read))])
    person = pd.Series(read["rec_id"].str.extract(r"rec-(\d+)-")[0].to_numpy(), index=ids)
    records = read.drop(columns="rec_id").apply(lambda column: column.str.strip())
    return records.assign(record_id=ids), person


def pairs_of(group: pd.Series) -> set[tuple[str, str]]:
    """All pairs of index labels that have the same value."""
    members = group.groupby(group).groups.values()
    return {pair for labels in members for pair in itertools.combinations(sorted(labels), 2)}
