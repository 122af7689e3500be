"""Adds a note to any result."""

import functions_framework


@functions_framework.http
def add_note(request):
    asked = request.get_json()
    return {"note": f"seen {asked['operation']}"}
