"""Refuses what holds the word `forbidden`, rewrites what holds `rewrite me`, allows the rest."""

import json

import functions_framework


@functions_framework.http
def check_policy(request):
    asked = request.get_json()
    text = json.dumps(asked["arguments"], ensure_ascii=False)
    if "forbidden" in text:
        return {"allow": False, "reason": "The policy of this test refuses it."}
    if "rewrite me" in text:
        return {"allow": True, "arguments": json.loads(text.replace("rewrite me", "rewritten"))}
    return {"allow": True}
