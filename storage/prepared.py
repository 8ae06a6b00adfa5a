"""Prepared statements: those of every turn and every message, put into the database's own words once."""

from collections import namedtuple
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

from sqlalchemy import Connection, Dialect, Executable
from sqlalchemy.exc import DBAPIError
from sqlalchemy.sql.compiler import SQLCompiler
from sqlalchemy.types import DateTime, TypeEngine

Values = Mapping[str, Any]
Convert = Callable[[Any], Any]


@dataclass(frozen=True)
class Form:
    """A statement for one kind of database: its words, how values are written, and how rows are read."""

    sql: str
    names: tuple[str, ...]
    positional: bool
    constants: Values
    writers: Mapping[str, Convert]
    row: Callable[[Sequence[Any]], Any]
    readers: tuple[tuple[int, Convert], ...]

    def written(self, values: Values) -> Any:
        """The values as the driver takes them."""
        known = {**self.constants, **values}
        for name, write in self.writers.items():
            known[name] = write(known[name])
        return tuple([known[name] for name in self.names]) if self.positional else known

    def read(self, found: Sequence[Any]) -> Any:
        """A row with names."""
        if self.readers:
            found = list(found)
            for place, read in self.readers:
                found[place] = read(found[place])
        return self.row(found)


class Prepared:
    """A statement that is handed to the driver itself.

    What SQLAlchemy does for each execution costs several times what SQLite takes for the statement. Here that is done
    once: `values` go by the names of the statement's parameters, types are those of its columns, and errors are
    SQLAlchemy's. Lists (`IN`) are not among the values.
    """

    def __init__(self, statement: Executable):
        self._statement = statement
        self._forms: dict[str, Form] = {}

    def rows(self, connection: Connection, values: Values) -> list[Any]:
        """All rows, as named tuples."""
        form = self._form(connection.dialect, values)
        return [form.read(found) for found in self._execute(connection, form, form.written(values)).fetchall()]

    def row(self, connection: Connection, values: Values) -> Any | None:
        """The only row, None where there is none."""
        form = self._form(connection.dialect, values)
        found = self._execute(connection, form, form.written(values)).fetchone()
        return None if found is None else form.read(found)

    def changed(self, connection: Connection, values: Values) -> int:
        """How many rows it changed."""
        form = self._form(connection.dialect, values)
        return int(self._execute(connection, form, form.written(values)).rowcount)

    def changed_by_all(self, connection: Connection, many: Sequence[Values]) -> int:
        """How many rows it changed, run once with each of these values."""
        form = self._form(connection.dialect, many[0])
        return int(self._execute(connection, form, [form.written(values) for values in many], True).rowcount)

    def _form(self, dialect: Dialect, values: Values) -> Form:
        form = self._forms.get(dialect.name)
        if form is None:
            form = self._forms[dialect.name] = _compiled(self._statement, dialect, values)
        return form

    def _execute(self, connection: Connection, form: Form, values: Any, many: bool = False) -> Any:
        cursor = connection.connection.cursor()
        for listener in connection.dispatch.before_cursor_execute:
            listener(connection, cursor, form.sql, values, None, many)
        try:
            (cursor.executemany if many else cursor.execute)(form.sql, values)
        except connection.dialect.loaded_dbapi.Error as error:
            raise _explained(connection, form.sql, error) from error
        return cursor


def _compiled(statement: Executable, dialect: Dialect, values: Values) -> Form:
    # An INSERT names the columns it is given, as when SQLAlchemy executes it.
    compiled = statement.compile(dialect=dialect, column_keys=sorted(values))  # type: ignore[attr-defined]
    assert isinstance(compiled, SQLCompiler)
    parameters = {name: bind for bind, name in compiled.bind_names.items()}
    columns = list(getattr(statement, "exported_columns", ()))
    writers = {name: _writer(bind.type, dialect) for name, bind in parameters.items()}
    readers = [column.type.dialect_impl(dialect).result_processor(dialect, None) for column in columns]
    return Form(
        sql=str(compiled),
        names=tuple(compiled.positiontup or ()),
        positional=compiled.positional,
        constants={name: value for name, value in compiled.params.items() if not parameters[name].required},
        writers={name: write for name, write in writers.items() if write is not None},
        row=namedtuple("Row", [column.key for column in columns])._make,  # type: ignore[attr-defined]
        readers=tuple((place, read) for place, read in enumerate(readers) if read is not None),
    )


def _writer(kind: TypeEngine[Any], dialect: Dialect) -> Convert | None:
    """How values of a type are written, None where they go as they are; one moment is written many times in a turn."""
    write = kind.dialect_impl(dialect).bind_processor(dialect)
    if write is None or not isinstance(getattr(kind, "impl_instance", kind), DateTime):
        return write
    return lru_cache(64)(write)


def _explained(connection: Connection, sql: str, error: Exception) -> Exception:
    """The driver's error as SQLAlchemy tells it, without the values; a connection that is lost is not used again."""
    dialect = connection.dialect
    lost = dialect.is_disconnect(error, connection.connection.dbapi_connection, None)  # type: ignore[arg-type]
    if lost:
        connection.invalidate(error)
    return DBAPIError.instance(
        sql, None, error, dialect.loaded_dbapi.Error,
        hide_parameters=True, connection_invalidated=lost, dialect=dialect,
    )  # fmt: skip
