"""Behaves as the argument `kind` says; counts how often it was really run."""

import time

import flask
import functions_framework

JSON = {"Content-Type": "application/json"}
runs = 0


@functions_framework.http
def behave(request):
    global runs  # noqa: PLW0603 - one worker process, which is the point
    body = request.get_json(silent=True) or {}
    kind = body.get("kind", "")
    if kind == "runs":
        return {"runs": runs}
    runs += 1
    if kind == "raise":
        raise RuntimeError("a bug beside /srv/private/path")
    if kind == "slow":
        time.sleep(float(body["seconds"]))
    answers = {
        "echo": lambda: {"got": body, "headers": {name.lower(): value for name, value in request.headers.items()}},
        "string": lambda: "returned as it is",
        "json_string": lambda: '{"a": 1}',
        "nothing": lambda: ("", 204),
        "accepted": lambda: ({"id": 7}, 202),
        "refuse": lambda: ({"error": {"message": "amount is above the limit", "problems": ["amount: at most 100"]}}, 422),
        "forbid": lambda: ("no", 403),
        "missing": lambda: ("no such page", 404),
        "throttle": lambda: ("slow down", 429, {"Retry-After": "7"}),
        "redirect": lambda: flask.redirect("http://169.254.169.254/latest/meta-data"),
        "unavailable": lambda: ("not now", 503, {"Retry-After": "2"}),
        "truncated": lambda: ('{"a": [1, 2', 200, JSON),
        "html": lambda: "<!doctype html><html><body>Log in</body></html>",
        "nan": lambda: ('{"a": NaN}', 200, JSON),
        "surrogate": lambda: ('{"a": "\\ud800"}', 200, JSON),
        "large": lambda: ('"' + "x" * 10_000_000 + '"', 200, JSON),
    }
    return answers.get(kind, lambda: {"fine": True})()
