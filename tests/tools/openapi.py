"""Schemathesis asks whatever the description in OpenAPI allows, and what it does not, and holds the answers to it.

Arguments: the URL of the processor, and a token of a deployer.
"""
import json
import os
import pathlib
import subprocess
import sys
import urllib.request

url, token = sys.argv[1:]
here = pathlib.Path(__file__).parent


def ask(*more):
    command = [sys.executable, "-m", "schemathesis.cli", "--no-color", "--config-file", here / "schemathesis.toml"]
    command += ["run", f"{url}/openapi.json", *more]
    env = {**os.environ, "TIMELINE_TOKEN": token}
    run = subprocess.run(command, env=env, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    assert run.returncode == 0, run.stdout
    print(run.stdout)


# Rows are held to their schema where they are JSON; the other formats to what they are called.
ask("--header", "accept: application/json")
for accept in ["application/vnd.apache.arrow.stream", "application/x-ndjson", "text/csv"]:
    paths = ["/v1/query", "/v1/outliers", "/v1/queries"]
    ask("--header", f"accept: {accept}", "--max-examples", "5", *(f"--include-path={path}" for path in paths))

# What it asked for was there all the time.
headers = {"accept": "application/json", "authorization": f"Bearer {token}"}
with urllib.request.urlopen(urllib.request.Request(f"{url}/v1/queries", headers=headers)) as response:
    names = {row["name"] for row in json.load(response)}
assert {"stalled", "stuck"} <= names, names
