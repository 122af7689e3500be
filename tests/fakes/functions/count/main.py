"""Counts its own runs, so that a test sees whether an answer was made or kept."""

import itertools

import functions_framework

_numbers = itertools.count(1)


@functions_framework.http
def count(request):
    return {"run": next(_numbers)}
