from faas_toolkit.capabilities.workspace.presentation import present_capabilities, present_report


def entry(name, **changes):
    return {
        "family": "functions",
        "name": name,
        "kind": "http",
        "use": f"function_call function={name}",
        "description": "Scores a customer.",
        "effects": "none",
        **changes,
    }


def finding(**changes):
    return {"check": "sources", "item": "function:a", "status": "ok", "text": "Answers.", "repair": "", **changes}


def test_nothing_granted_says_where_it_is_granted():
    assert "`roles`" in present_capabilities({"capabilities": []}, 8_000)


def test_a_function_shows_how_to_use_it_its_effects_and_its_arguments():
    schema = {"type": "object", "properties": {"customer_id": {"type": "string"}}}
    text = present_capabilities({"capabilities": [entry("score", effects="once", arguments=schema)]}, 8_000)
    assert "function_call function=score" in text
    assert "Effects: once" in text
    assert '"customer_id"' in text


def test_many_functions_still_fit_a_model():
    rows = [entry(f"function_{number}", description="x" * 300) for number in range(200)]
    text = present_capabilities({"capabilities": rows}, 8_000)
    assert len(text) <= 8_000
    assert "You may use 200" in text
    assert "function_0" in text


def test_a_long_schema_is_left_out_of_a_list_and_shown_alone():
    long = {"type": "object", "properties": {f"field_{number}": {"type": "string"} for number in range(60)}}
    both = present_capabilities({"capabilities": [entry("a", arguments=long), entry("b")]}, 8_000)
    alone = present_capabilities({"capabilities": [entry("a", arguments=long)]}, 8_000)
    assert "ask again with name=a" in both
    assert "field_59" in alone


def test_what_needs_repair_comes_first_with_what_to_do():
    rows = [finding(), finding(item="function:b", status="failed", text="Refuses.", repair="Check the key.")]
    text = present_report({"report": rows}, 8_000)
    assert text.startswith("1 of 2 checks need attention:\n- [FAILED] sources function:b: Refuses. Repair: Check the key.")


def test_a_long_report_is_cut_and_says_so():
    text = present_report({"report": [finding(text="x" * 200) for _ in range(100)]}, 2_000)
    assert len(text) <= 2_000
    assert "more lines" in text
