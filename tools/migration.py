"""Writes the Alembic revision that brings a component's tables to what the code declares.

    python tools/migration.py indexer "documents"

It migrates an empty SQLite file as far as the revisions go, compares it with the tables declared, and writes the
difference as the next revision. Read it before it is committed. With nothing to do it writes nothing and ends with 1.
"""

from __future__ import annotations

import re
import subprocess
import sys
import tempfile
from pathlib import Path

from alembic.autogenerate import api
from alembic.migration import MigrationContext
from alembic.operations.ops import UpgradeOps
from alembic.script import ScriptDirectory
from careledger.chain.database import PACKAGES, Component, Database
from careledger.chain.indexer.tables import Schema
from careledger.chain.outbox import tables as outbox
from careledger.gateway import tables as gateway
from sqlalchemy import MetaData

ROOT = Path(__file__).resolve().parent.parent
COMPONENTS: dict[Component, MetaData] = {
    "indexer": Schema().metadata,
    "outbox": outbox.METADATA,
    "gateway": gateway.METADATA,
}

FILE = '''"""{title}."""

import sqlalchemy as sa
from alembic import op

revision = "{revision}"
down_revision = {before}
branch_labels = None
depends_on = None


def upgrade() -> None:
    {body}
'''


def difference(url: str, component: Component, metadata: MetaData) -> UpgradeOps:
    """What the revisions lack, by a database migrated for it."""
    database = Database(url)
    try:
        database.migrate(component)
        with database.read() as connection:
            context = MigrationContext.configure(
                connection,
                opts={
                    "version_table": f"{component}_revision",
                    "compare_type": True,
                    "include_name": lambda name, kind, _: kind != "table" or name in metadata.tables,
                },
            )
            found = api.produce_migrations(context, metadata).upgrade_ops
            assert found is not None
            return found
    finally:
        database.close()


def write(component: Component, title: str) -> Path | None:
    """The path of the new revision's file; None if there is nothing to do."""
    folder = ROOT.joinpath("python", *PACKAGES[component].split("."), "migrations")
    with tempfile.TemporaryDirectory() as scratch:
        found = difference(f"sqlite:///{scratch}/empty.db", component, COMPONENTS[component])
    if found.is_empty():
        return None
    head = ScriptDirectory(str(folder)).get_current_head()
    revision = f"{int(head or 0) + 1:04d}"
    name = re.sub(r"\W+", "_", title.lower()).strip("_")
    path = folder / "versions" / f"{revision}_{name}.py"
    body = api.render_python_code(found, render_as_batch=False).replace("\n\n", "\n")
    body = "\n".join(line for line in body.splitlines() if not line.strip().startswith("#"))
    before = "None" if head is None else f'"{head}"'
    path.write_text(FILE.format(title=title, revision=revision, before=before, body=body.strip()))
    subprocess.run([sys.executable, "-m", "ruff", "format", "--quiet", str(path)], check=True)
    return path


def main() -> int:
    if len(sys.argv) != 3 or sys.argv[1] not in COMPONENTS:
        print(f"usage: migration.py {'|'.join(COMPONENTS)} TITLE", file=sys.stderr)
        return 2
    path = write(sys.argv[1], sys.argv[2])
    print("migration: nothing to do" if path is None else f"migration: {path.relative_to(ROOT)}")
    return 0 if path else 1


if __name__ == "__main__":
    raise SystemExit(main())
