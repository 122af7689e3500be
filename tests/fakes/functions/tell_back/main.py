"""Tells back what it is sent, and whatever the environment gives it to tell."""

import functions_framework


@functions_framework.http
def tell_back(request):
    asked = request.get_json()
    if asked.get("fail"):
        return {"error": asked["note"]}, 400
    return {"said": asked["note"], "by": {asked["note"]: [asked["note"]]}, "phone": 4155550132}
