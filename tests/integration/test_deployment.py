"""What puts Roost on other machines: the image, Cloud Build, Cloud Run, compose, systemd."""

from __future__ import annotations

import configparser
import json
import os
import re
import shlex
import shutil
import subprocess
import sys
import threading
import tomllib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from fnmatch import fnmatch
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from typing import Any

import pytest
import yaml

from roost.settings import KEYS, Settings

REPOSITORY = Path(__file__).resolve().parents[2]
TOOLS = Path(sys.executable).parent
FAKE_GCLOUD = REPOSITORY / "tests" / "fakes" / "fake_gcloud.py"
SCRIPTS = (
    "scripts/deploy.sh",
    "scripts/teardown.sh",
    "scripts/run",
    "scripts/test",
    "scripts/bench",
    ".ci/run",
)
OWNERS = "ann@example.org,ben@example.org"


def checked(*command: str | Path) -> None:
    done = subprocess.run(command, cwd=REPOSITORY, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


# The image


@pytest.fixture(scope="module")
def final_stage() -> list[tuple[str, str]]:
    """Instructions of the Dockerfile's last stage."""
    text = re.sub(r"(?m)^\s*#.*\n", "", (REPOSITORY / "Dockerfile").read_text()).replace("\\\n", "")
    instructions = [
        (word, rest) for word, _, rest in (line.partition(" ") for line in text.splitlines()) if word
    ]
    last = max(at for at, (word, _) in enumerate(instructions) if word == "FROM")
    return instructions[last:]


def image_environment(stage: list[tuple[str, str]]) -> dict[str, str]:
    pairs = [pair for word, rest in stage if word == "ENV" for pair in shlex.split(rest)]
    return dict(pair.split("=", 1) for pair in pairs)


def test_the_dockerfile_is_clean() -> None:
    checked(TOOLS / "hadolint", "Dockerfile")


def test_the_image_runs_as_nobody_special_and_keeps_only_data_in_app(
    final_stage: list[tuple[str, str]],
) -> None:
    """S003-27."""
    user = [rest for word, rest in final_stage if word == "USER"]
    assert [int(part) > 0 for part in user[-1].split(":")] == [True, True]
    targets = [rest.split()[-1] for word, rest in final_stage if word in ("COPY", "ADD")]
    assert targets
    assert all(target.startswith("/opt/roost") for target in targets)
    settings = Settings.from_env(image_environment(final_stage))
    assert settings.data_dir == Path("/app")
    assert settings.host == "0.0.0.0"
    for folder in (settings.model_dir, settings.frontend_dir):
        assert str(folder) in targets


def test_the_images_command_is_the_process_itself(final_stage: list[tuple[str, str]]) -> None:
    """A shell between them would keep SIGTERM, and the last backup with it, to itself."""
    said = dict(final_stage)
    assert json.loads(said["ENTRYPOINT"]) == ["roost"]
    assert json.loads(said["CMD"]) == ["serve"]
    assert said["STOPSIGNAL"] == "SIGTERM"


@contextmanager
def answering(status: int) -> Iterator[int]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status if self.path == "/healthz" else 404)
            self.send_header("Content-Length", "0")
            self.end_headers()

        def log_request(self, code: int | str = "-", size: int | str = "-") -> None:
            """Not on the test's output."""

    server = HTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=(0.01,))
    thread.start()
    try:
        yield server.server_port
    finally:
        server.shutdown()
        thread.join(10)
        server.server_close()


def test_the_health_check_tells_alive_from_stuck_from_gone(final_stage: list[tuple[str, str]]) -> None:
    command = json.loads(dict(final_stage)["HEALTHCHECK"].split("CMD", 1)[1])
    assert command[0] == "python"

    def ask(port: int) -> int:
        # A proxy that is configured for the bots' way out must not be asked about this machine.
        env = {"PORT": str(port), "PATH": os.environ["PATH"], "http_proxy": "http://127.0.0.1:9"}
        done = subprocess.run(
            [sys.executable, *command[1:]], env=env, capture_output=True, timeout=30, check=False
        )
        return done.returncode

    with answering(200) as port:
        assert ask(port) == 0
    with answering(503) as port:
        assert ask(port) == 1
    assert ask(port) == 1


def test_every_file_the_package_reads_is_packaged() -> None:
    tool = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["tool"]["setuptools"]
    patterns = tool["package-data"]["*"]
    package = REPOSITORY / "cloud" / "backend" / "roost"
    files = [
        path
        for path in package.rglob("*")
        if path.is_file()
        and path.suffix != ".py"
        and not any(part.startswith((".", "__pycache__")) for part in path.relative_to(package).parts)
    ]
    assert len(files) > 15
    lost = [path for path in files if not any(fnmatch(path.name, pattern) for pattern in patterns)]
    assert lost == []


def test_compose_gives_the_container_its_data_folder_and_nothing_else_to_write_to(
    final_stage: list[tuple[str, str]],
) -> None:
    service = yaml.safe_load((REPOSITORY / "compose.yaml").read_text())["services"]["roost"]
    assert service["read_only"] is True
    assert service["volumes"] == ["data:/app"]
    assert [mount.split(":")[0] for mount in service["tmpfs"]] == ["/tmp"]
    assert service["cap_drop"] == ["ALL"]
    image = image_environment(final_stage)
    for name in ("HOST", "PORT", "DATA_DIR", "MODEL_DIR", "FRONTEND_DIR"):
        assert service["environment"][name] == image[name]


# The scripts


@pytest.mark.parametrize("script", SCRIPTS)
def test_a_shell_script_is_clean(script: str) -> None:
    checked(TOOLS / "shellcheck", "--external-sources", "--source-path=SCRIPTDIR", script)


class Project:
    """A project of the cloud that only exists in a folder, and the scripts run against it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        programs = folder / "bin"
        programs.mkdir()
        (programs / "gcloud").write_text(f'#!/bin/sh\nexec {sys.executable} {FAKE_GCLOUD} "$@"\n')
        (programs / "gcloud").chmod(0o755)
        self.path = f"{programs}:{os.environ['PATH']}"

    def run(
        self, script: str, *arguments: str, typed: str = "", path: str | None = None, **environ: str
    ) -> subprocess.CompletedProcess[str]:
        env = {
            "PATH": path or self.path,
            "FAKE_GCLOUD": str(self.folder),
            "PROJECT": "demo",
            "OWNER_EMAILS": OWNERS,
            **environ,
        }
        return subprocess.run(
            ["bash", f"scripts/{script}", *arguments],
            cwd=REPOSITORY,
            env=env,
            input=typed,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    @property
    def calls(self) -> list[dict[str, Any]]:
        noted = self.folder / "calls.jsonl"
        return [json.loads(line) for line in noted.read_text().splitlines()] if noted.exists() else []

    def called(self, *words: str) -> list[list[str]]:
        """Arguments of every call that begins with these words."""
        return [call["arguments"] for call in self.calls if tuple(call["arguments"][: len(words)]) == words]

    def forget_calls(self) -> None:
        (self.folder / "calls.jsonl").unlink()


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path)


def values_of(flag: str, arguments: list[str]) -> dict[str, str]:
    """`--flag=^|^A=1|B=2`, or separated by commas."""
    text = next(word.removeprefix(f"{flag}=") for word in arguments if word.startswith(f"{flag}="))
    separator = ","
    if text.startswith("^"):
        _, separator, text = text.split("^", 2)
    return dict(pair.split("=", 1) for pair in text.split(separator))


def deployed(printed: str) -> list[str]:
    return next(shlex.split(line) for line in printed.splitlines() if line.startswith("gcloud run deploy "))


def assert_deploys_one_lasting_instance(arguments: list[str]) -> None:
    assert {
        "--no-cpu-throttling",
        "--cpu-boost",
        "--min-instances=1",
        "--max-instances=1",
        "--timeout=3600",
        "--execution-environment=gen2",
        "--service-account=roost@demo.iam.gserviceaccount.com",
    } <= set(arguments)
    for probe in ("--startup-probe", "--liveness-probe"):
        assert values_of(probe, arguments)["httpGet.path"] == "/healthz"
    settings = values_of("--update-env-vars", arguments)
    assert settings["GCS_BUCKET_NAME"] == "demo-roost"
    assert settings["OWNER_EMAILS"] == OWNERS
    assert settings["PUBLIC_URL"].startswith("https://roost-")
    assert values_of("--update-secrets", arguments)["SECRET_KEY"] == "roost-secret-key:latest"


def test_a_dry_run_prints_every_command_and_runs_none(project: Project, tmp_path: Path) -> None:
    without_gcloud = tmp_path / "nothing"
    without_gcloud.mkdir()
    for name in ("bash", "dirname", "head", "base64", "tr", "sed"):
        (without_gcloud / name).symlink_to(str(shutil.which(name)))
    for path in (str(without_gcloud), project.path):
        done = project.run("deploy.sh", "--dry-run", path=path)
        assert done.returncode == 0, done.stderr
        assert_deploys_one_lasting_instance(deployed(done.stdout))
        for wanted in (
            "gcloud services enable",
            "gcloud artifacts repositories create roost",
            "gcloud storage buckets create gs://demo-roost ",
            "--soft-delete-duration=0",
            "gcloud secrets create roost-secret-key",
            "gcloud iam service-accounts create roost ",
            "gcloud storage buckets add-iam-policy-binding gs://demo-roost ",
            "gcloud builds submit",
        ):
            assert wanted in done.stdout
    assert project.calls == []


def test_deploying_twice_makes_everything_once_and_never_another_key(project: Project) -> None:
    first = project.run("deploy.sh", "--image", "image")
    assert first.returncode == 0, first.stderr
    assert "https://roost-123456789.us-central1.run.app" in first.stdout
    assert_deploys_one_lasting_instance(["gcloud", *project.called("run", "deploy")[0]])
    keys = [call["stdin"] for call in project.calls if "versions" in call["arguments"] and call["stdin"]]
    assert len(keys) == 1
    Settings.from_env({"SECRET_KEY": keys[0]})
    assert keys[0] not in first.stdout + first.stderr + str([call["arguments"] for call in project.calls])
    project.forget_calls()

    second = project.run("deploy.sh", "--image", "image2", SECRET_KEY="k" * 40)
    assert second.returncode == 0, second.stderr
    assert not [call for call in project.calls if "create" in call["arguments"] or call["stdin"]]
    assert "stays as it is" in second.stdout
    assert len(project.called("run", "deploy")) == 1


def test_the_service_may_use_its_own_bucket_and_secrets_alone(project: Project) -> None:
    assert project.run("deploy.sh", "--image", "image").returncode == 0
    runner = "--member=serviceAccount:roost@demo.iam.gserviceaccount.com"
    granted = [call["arguments"] for call in project.calls if runner in call["arguments"]]
    assert {tuple(arguments[:4]) for arguments in granted} == {
        ("storage", "buckets", "add-iam-policy-binding", "gs://demo-roost"),
        ("secrets", "add-iam-policy-binding", "roost-secret-key", "--project=demo"),
    }
    assert not project.called("projects", "add-iam-policy-binding")


def test_secrets_that_are_given_reach_the_service_by_secret_manager(project: Project) -> None:
    done = project.run(
        "deploy.sh", "--image", "i", GOOGLE_CLIENT_ID="id.google", GOOGLE_CLIENT_SECRET="hush-hush"
    )
    assert done.returncode == 0, done.stderr
    arguments = project.called("run", "deploy")[0]
    assert values_of("--update-secrets", arguments) == {
        "SECRET_KEY": "roost-secret-key:latest",
        "GOOGLE_CLIENT_SECRET": "roost-google-client-secret:latest",
    }
    assert values_of("--update-env-vars", arguments)["GOOGLE_CLIENT_ID"] == "id.google"
    assert "hush-hush" not in done.stdout + str([call["arguments"] for call in project.calls])
    assert "hush-hush" in [call["stdin"] for call in project.calls]


def test_a_bucket_name_that_somebody_else_has_stops_before_anything_is_deployed(project: Project) -> None:
    done = project.run("deploy.sh", "--image", "image", FAKE_GCLOUD_TAKEN="gs://demo-roost")
    assert done.returncode != 0
    assert "exists already" in done.stderr
    assert not project.called("run", "deploy")
    assert not project.called("secrets", "create")


@pytest.mark.parametrize(
    ("arguments", "environ", "exit_code", "sentence"),
    [
        ([], {"OWNER_EMAILS": ""}, 1, "OWNER_EMAILS is not set"),
        (["--frobnicate"], {}, 2, "there is no option --frobnicate"),
        (["--service-only"], {}, 1, "--service-only needs --image"),
    ],
)
def test_a_wrong_call_is_refused_with_the_remedy(
    project: Project, arguments: list[str], environ: Mapping[str, str], exit_code: int, sentence: str
) -> None:
    done = project.run("deploy.sh", *arguments, **environ)
    assert done.returncode == exit_code
    assert sentence in done.stderr
    assert project.calls == []


def test_taking_down_asks_for_the_name_and_keeps_the_data(project: Project) -> None:
    refused = project.run("teardown.sh", typed="yes\n")
    assert refused.returncode == 1
    assert "nothing was deleted" in refused.stderr
    assert project.calls == []

    done = project.run("teardown.sh", typed="roost\n")
    assert done.returncode == 0, done.stderr
    assert project.called("run", "services", "delete", "roost")
    assert not project.called("storage", "rm", "--recursive", "gs://demo-roost")
    assert not project.called("secrets")


def test_the_data_goes_only_when_its_bucket_is_named_too(project: Project) -> None:
    refused = project.run("teardown.sh", "--with-data", typed="roost\nroost\n")
    assert refused.returncode == 1
    assert project.calls == []
    done = project.run("teardown.sh", "--with-data", typed="roost\ndemo-roost\n")
    assert done.returncode == 0, done.stderr
    assert project.called("storage", "rm", "--recursive", "gs://demo-roost")
    assert project.called("secrets", "delete", "roost-secret-key")


# Cloud Build


@pytest.fixture(scope="module")
def build() -> dict[str, Any]:
    found: dict[str, Any] = yaml.safe_load((REPOSITORY / "cloudbuild.yaml").read_text())
    return found


def test_the_build_deploys_only_what_was_tested(build: dict[str, Any]) -> None:
    steps = {step["id"]: step for step in build["steps"]}
    assert steps["test"]["entrypoint"] == "./.ci/run"
    assert set(steps["push"]["waitFor"]) == {"test", "build"}
    assert steps["deploy"]["waitFor"] == ["push"]


def test_every_value_of_the_build_is_declared_and_used(build: dict[str, Any]) -> None:
    """Cloud Build refuses values that are not, both ways."""
    used = set(re.findall(r"\$\{(_[A-Z_]+)\}", yaml.safe_dump(build["steps"])))
    assert used == set(build["substitutions"])


def deploy_step(build: dict[str, Any], values: Mapping[str, str]) -> tuple[str, dict[str, str]]:
    """The last step's script and environment, substituted as Cloud Build does."""
    all_values = {**build["substitutions"], "PROJECT_ID": "demo", "BUILD_ID": "b1", **values}

    def substituted(text: str) -> str:
        return re.sub(r"\$\$|\$\{(_?[A-Z_]+)\}|\$(_?[A-Z_]+)", by_name, text)

    def by_name(found: re.Match[str]) -> str:
        name = found[1] or found[2]
        return all_values[name] if name else "$"

    step = next(step for step in build["steps"] if step["id"] == "deploy")
    return substituted(step["args"][1]), dict(substituted(line).split("=", 1) for line in step["env"])


def test_the_build_sets_the_bucket_and_the_key(build: dict[str, Any], project: Project) -> None:
    """S003-44. Defect 4: the deployed service knows its bucket."""
    values = {"_GCS_BUCKET_NAME": "demo-roost", "_OWNER_EMAILS": OWNERS}
    script, env = deploy_step(build, values)
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=REPOSITORY,
        env={"PATH": project.path, "FAKE_GCLOUD": str(project.folder), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    arguments = project.called("run", "deploy")[0]
    assert_deploys_one_lasting_instance(arguments)
    assert "--image=us-central1-docker.pkg.dev/demo/roost/roost:b1" in arguments


def test_a_build_without_a_bucket_stops(build: dict[str, Any], project: Project) -> None:
    script, env = deploy_step(build, {"_OWNER_EMAILS": OWNERS})
    done = subprocess.run(
        ["bash", "-euc", script],
        cwd=REPOSITORY,
        env={"PATH": project.path, "FAKE_GCLOUD": str(project.folder), **env},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode != 0
    assert "without a bucket the service forgets everything" in done.stderr
    assert project.calls == []


def test_only_settings_that_exist_are_passed_on(build: dict[str, Any], project: Project) -> None:
    given = {"GOOGLE_CLIENT_ID": "a", "GOOGLE_CLIENT_SECRET": "b", "ALLOWED_EMAILS": "c", "OPENAI_MODEL": "d"}
    given |= {"OPENAI_BASE_URL": "https://e.example", "OPENAI_API_KEY": "f"}
    arguments = deployed(project.run("deploy.sh", "--dry-run", **given).stdout)
    passed = {*values_of("--update-env-vars", arguments), *values_of("--update-secrets", arguments)}
    assert set(given) <= passed
    assert passed <= {key.name for key in KEYS}


# systemd


def test_the_unit_runs_unprivileged_and_writes_to_its_state_alone() -> None:
    unit = configparser.ConfigParser(strict=True, interpolation=None)
    unit.optionxform = str  # type: ignore[assignment]  # systemd's names are case-sensitive
    unit.read(REPOSITORY / "deploy" / "roost.service")
    service = unit["Service"]
    assert service["User"] == "roost"
    assert service["ProtectSystem"] == "strict"
    assert service["NoNewPrivileges"] == "true"
    assert "ReadWritePaths" not in service
    assert f"DATA_DIR=/var/lib/{service['StateDirectory']}" in service["Environment"]
    assert service["KillMode"] == "mixed"
    assert int(service["TimeoutStopSec"]) > 8


def test_systemd_understands_the_unit(tmp_path: Path) -> None:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("no systemd-analyze on PATH")
    text = (REPOSITORY / "deploy" / "roost.service").read_text()
    # What it starts is looked for; it lies elsewhere until it is installed.
    unit = tmp_path / "roost.service"
    unit.write_text(re.sub(r"(?m)^ExecStart=\S+", f"ExecStart={sys.executable}", text))
    done = subprocess.run(
        ["systemd-analyze", "verify", unit], capture_output=True, text=True, timeout=60, check=False
    )
    assert "roost.service" not in done.stderr, done.stderr
    assert done.returncode == 0
