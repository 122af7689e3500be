"""Answers what no caller expects, as the argument `kind` says."""

import functions_framework


@functions_framework.http
def garbage(request):
    kind = (request.get_json(silent=True) or {}).get("kind", "")
    answers = {
        "truncated": ('{"a": [1, 2', 200, {"Content-Type": "application/json"}),
        "html": ("<html><body>Service page</body></html>", 200, {"Content-Type": "text/html"}),
        "huge": ("x" * 12_000_000, 200, {"Content-Type": "text/plain"}),
        "nan": ('{"a": NaN}', 200, {"Content-Type": "application/json"}),
        "surrogate": ('{"a": "\\ud800"}', 200, {"Content-Type": "application/json"}),
        "empty": ("", 200, {}),
    }
    if kind == "echo":
        return {"you sent": request.headers.get("Authorization", ""), request.headers.get("Authorization", ""): 1}
    if kind.startswith("echo after "):
        return "x" * int(kind.split()[-1]) + request.headers.get("Authorization", "") * 1_000
    if kind == "raises":
        raise RuntimeError("the function's own bug, with a secret path /srv/private")
    return answers.get(kind, ('{"fine": true}', 200, {"Content-Type": "application/json"}))
