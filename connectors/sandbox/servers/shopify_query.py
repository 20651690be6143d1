"""GraphQL requests: parsed and validated by graphql-core, then reduced to the fields asked for.

graphql-core's own executor calls a function per value; the tables of `shopify_orders.py` make whole
columns instead, so only its parser, validator and collection of fields are used. Here too: what a
query costs.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Final, Protocol

from graphql import (
    DocumentNode,
    FieldNode,
    FragmentDefinitionNode,
    GraphQLError,
    GraphQLList,
    GraphQLNonNull,
    GraphQLObjectType,
    GraphQLOutputType,
    OperationDefinitionNode,
    OperationType,
    get_named_type,
    parse,
    validate,
)
from graphql.execution.collect_fields import collect_fields, collect_sub_fields
from graphql.execution.values import (
    get_argument_values,
    get_directive_values,
    get_variable_values,
)

from connectors.sandbox.servers.shopify_schema import SCHEMA

_MUTATION_COST: Final = 10
_CONNECTION_COST: Final = 2
_USUAL_PAGE: Final = 10
_FREE_TYPES: Final = {"MoneyBag", "MoneyV2", "PageInfo"}


@dataclass(frozen=True)
class Field:
    """One asked field with its arguments and what is asked of its value.

    `selection` holds the fields of an object type; of an interface it is empty, because what is
    asked depends on the object: see `Query.select`.
    """

    key: str
    name: str
    arguments: Mapping[str, Any]
    type_name: str
    is_list: bool
    selection: tuple["Field", ...]
    nodes: tuple[FieldNode, ...]

    @property
    def is_connection(self) -> bool:
        """Whether its value is a connection with a pagination of its own."""
        return self.type_name.endswith("Connection")

    def part(self, *names: str) -> "Field | None":
        """The first asked field below with this path of names, such as `edges`, `node`."""
        found: Field | None = self
        for name in names:
            found = next((f for f in found.selection if f.name == name), None) if found else None
        return found


@dataclass(frozen=True)
class Query:
    """One operation of a request."""

    is_mutation: bool
    fields: tuple[Field, ...]
    text: str
    _compiler: "_Compiler"

    def select(self, field: Field, type_name: str) -> tuple[Field, ...]:
        """What is asked of the value of an interface field when it is this object type."""
        return self._compiler.below(field.nodes, type_name)

    def directive(self, field: Field, name: str) -> Mapping[str, Any] | None:
        """The arguments of a directive on a field; None without it."""
        return self._compiler.directive(field.nodes[0], name)


class Table(Protocol):
    """Objects of one type, made column by column."""

    def __len__(self) -> int: ...

    def column(self, field: Field) -> list[Any]:
        """The field's value of every object."""


def read_query(text: str, variables: Mapping[str, Any], operation: str | None = None) -> Query:
    """Parse and validate a request.

    Raises:
        GraphQLError: the first thing that is wrong with it.
    """
    document = _validated(text)
    chosen = _choose(document, operation)
    values = get_variable_values(SCHEMA, chosen.variable_definitions or (), dict(variables))
    if isinstance(values, list):
        raise values[0]
    fragments = {
        node.name.value: node
        for node in document.definitions
        if isinstance(node, FragmentDefinitionNode)
    }
    compiler = _Compiler(fragments, values)
    is_mutation = chosen.operation is OperationType.MUTATION
    root = SCHEMA.mutation_type if is_mutation else SCHEMA.query_type
    if root is None:
        raise GraphQLError("The schema has no such operation")
    collected = collect_fields(SCHEMA, fragments, values, root, chosen.selection_set)
    return Query(is_mutation, compiler.fields(root, collected), text, compiler)


def project(table: Table, selection: Sequence[Field]) -> list[dict[str, Any]]:
    """The asked fields of every object of a table."""
    if not selection:
        return [{} for _ in range(len(table))]
    columns = [table.column(field) for field in selection]
    keys = [field.key for field in selection]
    return [dict(zip(keys, row, strict=True)) for row in zip(*columns, strict=True)]


def query_cost(query: Query) -> int:
    """The cost that is asked for: an object 1, a connection 2 and its page times its nodes.

    Shopify's exact formula is not public; values (money, page information) are free here.
    """
    base = _MUTATION_COST if query.is_mutation else 0
    return base + sum(_cost(field) for field in query.fields)


def _cost(field: Field) -> int:
    below = sum(_cost(child) for child in field.selection)
    if field.is_connection:
        # `edges` and `node` are one object a row, however it is asked for.
        return _CONNECTION_COST + int(field.arguments.get("first") or _USUAL_PAGE) * max(below, 1)
    if not field.selection or field.type_name in _FREE_TYPES or field.type_name.endswith("Edge"):
        return below
    return 1 + below


class _Compiler:
    def __init__(
        self, fragments: dict[str, FragmentDefinitionNode], variables: dict[str, Any]
    ) -> None:
        self._fragments = fragments
        self._variables = variables

    def below(self, nodes: Sequence[FieldNode], type_name: str) -> tuple[Field, ...]:
        kind = SCHEMA.type_map[type_name]
        if not isinstance(kind, GraphQLObjectType):
            return ()
        collected = collect_sub_fields(SCHEMA, self._fragments, self._variables, kind, list(nodes))
        return self.fields(kind, collected)

    def directive(self, node: FieldNode, name: str) -> Mapping[str, Any] | None:
        declared = SCHEMA.get_directive(name)
        return get_directive_values(declared, node, self._variables) if declared else None

    def fields(
        self, kind: GraphQLObjectType, collected: Mapping[str, list[FieldNode]]
    ) -> tuple[Field, ...]:
        return tuple(self._field(kind, key, nodes) for key, nodes in collected.items())

    def _field(self, kind: GraphQLObjectType, key: str, nodes: list[FieldNode]) -> Field:
        name = nodes[0].name.value
        if name == "__typename":
            return Field(key, name, {}, kind.name, False, (), ())
        declared = kind.fields[name]
        named = get_named_type(declared.type)
        arguments = get_argument_values(declared, nodes[0], self._variables)
        return Field(
            key=key,
            name=name,
            arguments=arguments,
            type_name=named.name,
            is_list=_is_list(declared.type),
            selection=self.below(nodes, named.name),
            nodes=tuple(nodes),
        )


def _is_list(kind: GraphQLOutputType) -> bool:
    return isinstance(kind.of_type if isinstance(kind, GraphQLNonNull) else kind, GraphQLList)


@lru_cache(maxsize=64)
def _validated(text: str) -> DocumentNode:
    document = parse(text)
    errors = validate(SCHEMA, document, max_errors=1)
    if errors:
        raise errors[0]
    return document


def _choose(document: DocumentNode, name: str | None) -> OperationDefinitionNode:
    operations = [
        node for node in document.definitions if isinstance(node, OperationDefinitionNode)
    ]
    for node in operations:
        if name is None or (node.name is not None and node.name.value == name):
            return node
    raise GraphQLError("No operation to run")
