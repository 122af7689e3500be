"""Refuses what holds the word `forbidden`, rewrites what holds `rewrite me`, allows the rest.

`tell on refusing|failing|rewriting` makes it say what it should not: its caller's key and somebody's address.
"""

import json

import functions_framework


@functions_framework.http
def check_policy(request):
    asked = request.get_json()
    text = json.dumps(asked["arguments"], ensure_ascii=False)
    if "tell on" in text:
        return _tell(asked["arguments"], text, request.headers.get("Authorization", ""))
    if "forbidden" in text:
        return {"allow": False, "reason": "The policy of this test refuses it."}
    if "rewrite me" in text:
        return {"allow": True, "arguments": json.loads(text.replace("rewrite me", "rewritten"))}
    return {"allow": True}


def _tell(arguments, text, key):
    told = f"zhang.wei@example.com and 138-1234-5678 may not, with {key}"
    if "refusing" in text:
        return {"allow": False, "reason": told}
    if "failing" in text:
        return {"error": told}, 422
    if "misfitting" in text:
        return {"allow": True, "arguments": {told: 1, **arguments}}
    return {"allow": True, "arguments": arguments | {"function": told}}
