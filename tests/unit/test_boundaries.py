"""What import contracts cannot say about the source."""

import ast
from pathlib import Path

from roost.settings import KEYS

REPOSITORY = Path(__file__).parents[2]
PACKAGE = REPOSITORY / "cloud" / "backend" / "roost"
SET_BY_THE_PLATFORM = {"K_SERVICE", "K_REVISION"}


ENVIRONMENT = {"environ", "environb", "getenv", "getenvb", "putenv", "unsetenv"}


def reads_environment(node: ast.AST) -> bool:
    match node:
        case ast.Attribute(value=ast.Name(id="os"), attr=name):
            return name in ENVIRONMENT
        case ast.ImportFrom(module="os", names=names):
            return any(alias.name in ENVIRONMENT for alias in names)
        case ast.Import(names=names):
            return any(alias.name == "os" and alias.asname for alias in names)
    return False


def test_only_settings_reads_the_environment() -> None:
    readers = {
        path.relative_to(PACKAGE).as_posix()
        for path in PACKAGE.rglob("*.py")
        if any(map(reads_environment, ast.walk(ast.parse(path.read_text()))))
    }
    assert readers == {"settings.py"}


def test_the_example_of_an_env_file_names_every_setting_and_no_other() -> None:
    lines = (REPOSITORY / ".env.example").read_text().splitlines()
    named = {line.removeprefix("#").split("=")[0] for line in lines if "=" in line and line[1:2].isupper()}
    assert named == {key.name for key in KEYS} - SET_BY_THE_PLATFORM
