"""Every rule by a document that breaks it: the exact place, and the words that teach."""

import pytest

FUNCTION = 'version: 1\nfunctions:\n  f:\n    platform: http\n    target: {{url: "https://x.example"}}\n    {}\n'
LAMBDA = "version: 1\nfunctions:\n  f:\n    platform: aws_lambda\n    target: {}\n    auth: {}\n"
KEYS = '{access_key_id: "${secret:aws_id}", secret_access_key: "${secret:aws_key}"}'
TARGET = "{region: eu-west-1, name: score}"


def function(line: str) -> str:
    return FUNCTION.format(line)


BROKEN = [
    # the document
    ("roles: {}\n", "version", 1, "missing", "`version: 1`"),
    ("version: 2\n", "version", 1, "2 is not a version", "`version: 1`"),
    ('version: "1"\n', "version", 1, '"1" is not a version', "`version: 1`"),
    ("version:\n", "version", 1, "not a version", "`version: 1`"),
    ("version: 1\nrolse: {}\n", "rolse", 2, "no such key", "`roles`"),
    ("version: 1\nnonsense: {}\n", "nonsense", 2, "no such key", "version, roles, crm"),
    ("version: 1\nmodels: {pool: {}}\n", "models.pool", 2, "no such key", "`pools`"),
    ("version: 1\nmodels: {pools: {p: {deployments: []}}}\n", "models.pools.p.deployments", 2, "too short", "1 item"),
    (
        "version: 1\nmodels: {pools: {p: {strategy: fastest, deployments: [{name: a, kind: dify, provider: p, model: m}]}}}\n",
        "models.pools.p.strategy",
        2,
        "not served by this version yet",
        "ordered",
    ),
    (
        "version: 1\nmodels: {pools: {p: {deployments: [{name: a, kind: generate, url: 'https://m.example/'}]}}}\n",
        "models.pools.p.deployments[0]",
        2,
        "generate",
        "",
    ),
    (
        "version: 1\nmodels: {pools: {p: {deployments: [{name: a, kind: function, function: nope}]}}}\n",
        "models.pools.p.deployments[0].function",
        2,
        "no function nope",
        "",
    ),
    ("version: 1\nroles: {m: {allow: [model.use], models: [chat]}}\n", "roles.m.models[0]", 2, "no pool of models chat", ""),
    (
        "version: 1\nroles: {m: {crm: {rows: {deel: {owner: x}}}}}\n",
        "roles.m.crm.rows.deel",
        2,
        "no such entity",
        "Did you mean deal",
    ),
    (
        "version: 1\nroles: {m: {crm: {rows: {deal: {ownr: x}}}}}\n",
        "roles.m.crm.rows.deal.ownr",
        2,
        "no field of entity deal",
        "owner",
    ),
    ("version: 1\nroles: {m: {crm: {rows: {deal: {}}}}}\n", "roles.m.crm.rows.deal", 2, "too short", ""),
    ("version: 1\nroles: {m: {crm: {rows: {deal: {owner: []}}}}}\n", "roles.m.crm.rows.deal.owner", 2, "one value or a list", ""),
    ("version: 1\nroles: {m: {crm: {rows: {deal: {owner: {eq: x}}}}}}\n", "roles.m.crm.rows.deal.owner", 2, "one value or", ""),
    ("version: 1\nroles: {m: {crm: {rows: {deal: {owner: $user}}}}}\n", "roles.m.crm.rows.deal.owner", 2, "$user", "$subject"),
    (
        "version: 1\nroles: {m: {crm: {rows: {deal: {amount: much}}}}}\n",
        "roles.m.crm.rows.deal.amount",
        2,
        "no value of",
        "a number",
    ),
    (
        "version: 1\nroles: {m: {crm: {rows: {deal: {company: Acme}}}}}\n",
        "roles.m.crm.rows.deal.company",
        2,
        "no value",
        "company:42",
    ),
    (
        "version: 1\nroles: {m: {crm: {rows: {deal: {open: [true, 1]}}}}}\n",
        "roles.m.crm.rows.deal.open",
        2,
        "no value of",
        "true or",
    ),
    (
        "version: 1\nroles: {m: {crm: {rows: {deal: {created: soon}}}}}\n",
        "roles.m.crm.rows.deal.created",
        2,
        "no value of",
        "a date",
    ),
    ("version: 1\nroles: {m: {crm: {rows: {deal: {owner: true}}}}}\n", "roles.m.crm.rows.deal.owner", 2, "no value of", "a text"),
    ("version: 1\nknowledge:\n", "knowledge", 2, "empty", "`knowledge: {}`"),
    ("version: 1\nknowledge: {a: {}}\n", "knowledge.a", 2, "does not say its `kind`", "embedded"),
    ("version: 1\nknowledge: {a: {kind: embeded}}\n", "knowledge.a", 2, 'no kind "embeded"', "embedded"),
    ("version: 1\nknowledge: {a: {kind: dify_dataset}}\n", "knowledge.a", 2, "does not serve the kind", "external_knowledge"),
    (
        "version: 1\nknowledge: {a: {kind: embedded, embedding: {kind: dify, provider: a}}}\n",
        "knowledge.a.embedding.model",
        2,
        "missing",
        "model",
    ),
    (
        "version: 1\nknowledge: {a: {kind: embedded, embedding: {kind: local}}}\n",
        "knowledge.a.embedding",
        2,
        'no kind "local"',
        "dify",
    ),
    ("version: 1\nknowledge: {a: {kind: external_knowledge, id: b}}\n", "knowledge.a.url", 2, "missing", "url"),
    ("version: 1\nknowledge: {a: {kind: function, function: nobody}}\n", "knowledge.a.function", 2, "no function nobody", "no"),
    (
        "version: 1\nroles: {m: {allow: [knowledge.read], knowledge: [handbok]}}\n",
        "roles.m.knowledge[0]",
        2,
        "handbok",
        "handbook",
    ),
    ("version: 1\nalerts: []\n", "alerts", 2, "does not serve `alerts` yet", "Leave"),
    ("version: 1\nalert_rules: []\n", "alert_rules", 2, "does not serve `alert_rules` yet", "Leave"),
    ("- version: 1\n", "", None, "not made of keys", "version: 1"),
    ("just words\n", "", None, "not made of keys", "version: 1"),
    ("version: 1\nroles:\n", "roles", 2, "empty", "`roles: {}`"),
    ("version: 1\nversion: 1\n", "version", 2, "twice", "Keep one"),
    # roles
    ("version: 1\nroles: []\n", "roles", 2, "not a list", "name"),
    ("version: 1\nroles: {m: {alow: []}}\n", "roles.m.alow", 2, "no such key", "`allow`"),
    ("version: 1\nroles: {m: {allow: crm.read}}\n", "roles.m.allow", 2, 'a list belongs here, not "crm.read"', "[first"),
    ("version: 1\nroles: {m: {allow: [crm.reads]}}\n", "roles.m.allow[0]", 2, '"crm.reads"', "crm.read"),
    ("version: 1\nroles: {m: {allow: [crm.read, 7]}}\n", "roles.m.allow[1]", 2, "7 is not a text", '"7"'),
    ("version: 1\nroles: {m: {allow: [x.*]}}\n", "roles.m.allow[0]", 2, "no such grant", "function.call"),
    ('version: 1\nroles: {m: {allow: [""]}}\n', "roles.m.allow[0]", 2, "too short", "1 character"),
    (
        "version: 1\nroles: {m: {functions: [scor]}}\nfunctions: {}\n",
        "roles.m.functions[0]",
        2,
        "no function scor",
        "no function yet",
    ),
    ("version: 1\nroles: {m: {crm: {sources: [mian]}}}\n", "roles.m.crm.sources[0]", 2, "no CRM source mian", "main"),
    (
        "version: 1\nroles: {m: {crm: {hide: [person.phon]}}}\n",
        "roles.m.crm.hide[0]",
        2,
        "nothing would be hidden",
        "person.phone",
    ),
    ("version: 1\nroles: {m: {crm: {hide: [phone]}}}\n", "roles.m.crm.hide[0]", 2, "entity.field", "person"),
    ("version: 1\nroles: {m: {crm: {hid: []}}}\n", "roles.m.crm.hid", 2, "no such key", "`hide`"),
    ("version: 1\nroles: {m: {mask: {email: hidden}}}\n", "roles.m.mask.email", 2, '"hidden"', "keep, partial, token or drop"),
    ("version: 1\nroles: {m: {mask: {emial: drop}}}\n", "roles.m.mask.emial", 2, "no such detector", "email"),
    ("version: 1\nroles: {m: {mask: {email: drop}}}\n", "roles.m.mask.email", 2, "nothing would be masked", "detect: [email]"),
    ("version: 1\nroles: {m: {mask: {email: token}}}\n", "roles.m.mask.email", 2, "nothing would be masked", "detect: [email]"),
    ("version: 1\nroles: {m: {}, M: {}}\n", "roles.M", 2, "only in case", "Keep one"),
    ('version: 1\nroles: {"a role": {}}\n', 'roles."a role"', 2, "not a name", "score_customer"),
    ("version: 1\nroles: {m: 5}\n", "roles.m", 2, "keys with values belong here, not 5", "{allow: …}"),
    # crm
    ("version: 1\ncrm: {main: {kind: embeded}}\n", "crm.main", 2, '"embeded"', ""),
    ("version: 1\ncrm: {main: {}}\n", "crm.main", 2, "`kind`", "`kind: …`"),
    # functions
    ("version: 1\nfunctions: {f: {}}\n", "functions.f", 2, "`platform`", "http, aws_lambda"),
    ("version: 1\nfunctions: {f: {platform: htp}}\n", "functions.f", 2, 'no platform "htp"', "Did you mean http?"),
    ("version: 1\nfunctions: {f: {platform: tencent_scf}}\n", "functions.f", 2, "does not serve", "http"),
    ("version: 1\nfunctions: {f: {platform: http}}\n", "functions.f.target", 2, "missing", "`target: …`"),
    ("version: 1\nfunctions: {f: {platform: http, target: {}}}\n", "functions.f.target.url", 2, "missing", "`url: …`"),
    ("version: 1\nfunctions: {f: {platform: http, target: {url: 5}}}\n", "functions.f.target.url", 2, "5 is not a text", '"5"'),
    ("version: 1\nfunctions: {f: {platform: http, target: 5}}\n", "functions.f.target", 2, "keys with values", "{url: …}"),
    ('version: 1\nfunctions: {f: {platform: http, target: {url: ""}}}\n', "functions.f.target.url", 2, "", "https://"),
    (function("timeout: 5 parsecs"), "functions.f.timeout", 6, "'5 parsecs' is not a duration", "30s"),
    (function("timeout: 500s"), "functions.f.timeout", 6, "out of bounds", "at most 200"),
    (function("timeout: 0"), "functions.f.timeout", 6, "out of bounds", "more than 0"),
    (function("timeout: [1]"), "functions.f.timeout", 6, "a duration is a number", ""),
    (function("timeot: 5s"), "functions.f.timeot", 6, "no such key", "`timeout`"),
    (function("connection: proxy"), "functions.f.connection", 6, "does not serve `connection` yet", "Leave"),
    (function("effects: maybe"), "functions.f.effects", 6, '"maybe"', "none, idempotent or once"),
    (function("effects: onc"), "functions.f.effects", 6, '"onc"', "Did you mean once?"),
    (function("effects: once\n    cache: 5m"), "functions.f", 4, "without effects", "effects: none"),
    (function("describe: 1.10"), "functions.f.describe", 6, "1.10 is not a text", '"1.10"'),
    (function("describe: yes"), None, None, None, None),
    (function("describe: true"), "functions.f.describe", 6, "true is not a text", '"true"'),
    (function(f"describe: {'x' * 1001}"), "functions.f.describe", 6, "1,001 characters", "1,000"),
    (function("arguments: {type: objct}"), "functions.f.arguments", 6, "not a JSON Schema", ""),
    (function("arguments: []"), "functions.f.arguments", 6, "not a list", ""),
    (function("limits: [{requests: 60}]"), "functions.f.limits[0]", 6, "per", ""),
    (function("limits: [{requests: -1, per: 60s}]"), "functions.f.limits[0].requests", 6, "-1", "100k"),
    (function("limits: [{request: 60, per: 60s}]"), "functions.f.limits[0].request", 6, "no such key", "`requests`"),
    (function("limits: {requests: 60}"), "functions.f.limits", 6, "a list belongs here", "[first"),
    (function("breaker: {failure_rate: 2}"), "functions.f.breaker.failure_rate", 6, "out of bounds", "at most 1"),
    (
        function("breaker: {failure_rate: lots}"),
        "functions.f.breaker.failure_rate",
        6,
        'a number belongs here, not "lots"',
        "0.5",
    ),
    (function("breaker: {windw: 5s}"), "functions.f.breaker.windw", 6, "no such key", "`window`"),
    (function("breaker: true"), "functions.f.breaker", 6, "true", ""),
    (function('tls: {minimum: "1.1"}'), "functions.f.tls.minimum", 6, '"1.1"', "1.2 or 1.3"),
    (function("tls: {minimum: 1.2}"), "functions.f.tls.minimum", 6, "1.2", "quotes"),
    (function("auth: {}"), "functions.f.auth", 6, "say how", ""),
    (
        function("auth: {bearer: hunter2}"),
        "functions.f.auth.bearer",
        6,
        "a secret stands here as a literal (7 characters)",
        "${secret:f}",
    ),
    (function('auth: {bearer: "${secret:whh}"}'), "functions.f.auth.bearer", 6, "no secret whh", "${secret:wh}"),
    (function('auth: {bearer: "${secret: wh}"}'), "functions.f.auth.bearer", 6, "not a reference", "without spaces"),
    (function('auth: {bearr: "${secret:wh}"}'), "functions.f.auth.bearr", 6, "no such key", "`bearer`"),
    (function('auth: {standard_webhook: "${secret:aws_id}"}'), "functions.f.auth.standard_webhook", 6, "whsec_", ""),
    (function("price: {currency: dollars}"), "functions.f.price.currency", 6, "does not have the form", "[A-Z]{3}"),
    (LAMBDA.format("{region: Ireland, name: f}", KEYS), "functions.f.target.region", 5, "does not have the form", "pattern"),
    (LAMBDA.format("{region: eu-west-1}", KEYS), "functions.f.target.name", 5, "missing", "`name: …`"),
    (LAMBDA.format("{url: x, region: eu-west-1, name: f}", KEYS), "functions.f.target.url", 5, "no such key", "region, name"),
    (LAMBDA.format(TARGET, "{bearer: 5}"), "functions.f.auth.access_key_id", 6, "missing", "`access_key_id: …`"),
    # operations
    ("version: 1\noperations: {crm.lookop: {}}\n", 'operations."crm.lookop"', 2, "no operation crm.lookop", "crm.lookup"),
    (
        "version: 1\noperations: {crm.lookup: {before: f}}\n",
        'operations."crm.lookup".before',
        2,
        "no function f",
        "no function yet",
    ),
    ("version: 1\noperations: {crm.lookup: {}}\n", 'operations."crm.lookup"', 2, "no function is named", "before"),
    ("version: 1\noperations: {crm.lookup: {befor: f}}\n", 'operations."crm.lookup".befor', 2, "no such key", "`before`"),
    ("version: 1\noperations: {crm.lookup: {before: [f]}}\n", 'operations."crm.lookup".before', 2, "not a list", ""),
    # review
    ('version: 1\nreview: {refuse: [{pattern: "(?=x)"}]}\n', "review.refuse[0].pattern", 2, "RE2", "look-around"),
    ('version: 1\nreview: {refuse: [{pattern: "(x"}]}\n', "review.refuse[0].pattern", 2, "missing )", ""),
    ("version: 1\nreview: {refuse: [{pattern: a, words: [b]}]}\n", "review.refuse[0]", 2, "either pattern or words", ""),
    ("version: 1\nreview: {refuse: [{}]}\n", "review.refuse[0]", 2, "either pattern or words", ""),
    ("version: 1\nreview: {refuse: [{words: []}]}\n", "review.refuse[0].words", 2, "this list is empty", ""),
    ('version: 1\nreview: {refuse: [{words: " , "}]}\n', "review.refuse[0].words", 2, "this list is empty", ""),
    ("version: 1\nreview: {refuse: x}\n", "review.refuse", 2, "a list belongs here", ""),
    ("version: 1\nreview: {detect: [cnid]}\n", "review.detect[0]", 2, "no such detector", "Did you mean cn_id?"),
    ("version: 1\nreview: {refuse: [{words: [a, 5]}]}\n", "review.refuse[0].words", 2, "a list of texts", ""),
    (f"version: 1\nreview: {{refuse: [{{words: {'a' * 201}}}]}}\n", "review.refuse[0].words", 2, "at most 200 characters", ""),
    ("version: 1\nreview: {mark_instructions: perhaps}\n", "review.mark_instructions", 2, '"perhaps"', ""),
    ("version: 1\nreview: {detect: [5]}\n", "review.detect[0]", 2, "no such detector", ""),
    # limits
    ("version: 1\nlimits: {of: requests}\n", "limits", 2, "a list belongs here", ""),
    ("version: 1\nlimits: [{of: requests, per: 60s}]\n", "limits[0].limit", 2, "missing", "`limit: …`"),
    ("version: 1\nlimits: [{limit: 5}]\n", "limits[0]", 2, "needs per", "{of: requests, limit: 200, per: 60s}"),
    (
        "version: 1\nlimits: [{of: concurrency, limit: 5, per: 60s}]\n",
        "limits[0]",
        2,
        "without per",
        "{of: concurrency, limit: 3}",
    ),
    ("version: 1\nlimits: [{of: cost, limit: 5, per: 60s}]\n", "limits[0]", 2, "needs its currency", "currency: CNY"),
    ("version: 1\nlimits: [{of: tokens, limit: 5, per: 60s, currency: CNY}]\n", "limits[0]", 2, "no other has one", ""),
    ("version: 1\nlimits: [{of: cost, limit: 5, per: 60s, currency: yuan}]\n", "limits[0].currency", 2, "yuan", ""),
    ("version: 1\nlimits: [{of: cost, limit: lots, per: 60s, currency: CNY}]\n", "limits[0].limit", 2, "not an amount", "0.5"),
    ('version: 1\nlimits: [{of: cost, limit: "0.0000001", per: 60s, currency: CNY}]\n', "limits[0].limit", 2, "lies between", ""),
    (function("limits: [{cost: 5, per: 60s}]"), "functions.f.limits[0]", 6, "cost needs its currency", "currency: CNY"),
    (function("limits: [{requests: 5, per: 60s, currency: CNY}]"), "functions.f.limits[0]", 6, "nothing else has one", ""),
    (
        function("limits: [{cost: 5, per: 60s, currency: CNY, adapt_to: 9}]"),
        "functions.f.limits[0]",
        6,
        "adapt_to",
        "Leave it out",
    ),
    (
        function("breaker: {slow_rate: 0.5}"),
        "functions.f.breaker",
        6,
        "share of slow answers",
        "{slow: 5s, slow_rate: 0.5}",
    ),
    (function("breaker: {slow: 20s}"), "functions.f", 4, "at least the timeout", "Write less"),
    (function("breaker: {slow: 0}"), "functions.f.breaker.slow", 6, "out of bounds", ""),
    (function("breaker: {open_for: 2d}"), "functions.f.breaker.open_for", 6, "out of bounds", ""),
    (function("breaker: {saturated: {}}"), "functions.f.breaker.saturated", 6, "wait or in_flight", "{wait: 2s, for: 10s}"),
    (function("breaker: {saturated: {wait: 2s}}"), "functions.f", 4, "the wait for limits", "{requests: 60, per: 60s}"),
    (
        function("breaker: {saturated: {in_flight: 0.9}}\n    limits: [{requests: 5, per: 1s}]"),
        "functions.f",
        4,
        "a share of concurrency",
        "{concurrency: 8}",
    ),
    (function("breaker: {saturated: {in_flight: 90}}"), "functions.f.breaker.saturated.in_flight", 6, "out of bounds", ""),
    (function("breaker: {saturated: {wait: 2s, lasting: 5s}}"), "functions.f.breaker.saturated.lasting", 6, "no such key", ""),
    ("version: 1\nlimits: [{limit: 5.5, per: 60s}]\n", "limits[0].limit", 2, "not a whole amount", "100k"),
    ("version: 1\nlimits: [{limit: 0, per: 60s}]\n", "limits[0].limit", 2, "at least 1", ""),
    ("version: 1\nlimits: [{limit: 5, per: 60d}]\n", "limits[0].per", 2, "between 1s and 31d", ""),
    ("version: 1\nlimits: [{limit: 5, per: 60s, of: calls}]\n", "limits[0].of", 2, '"calls"', "requests"),
    ("version: 1\nlimits: [{limit: 5, per: 60s, by: user}]\n", "limits[0].by", 2, "a list belongs here", ""),
    ("version: 1\nlimits: [{limit: 5, per: 60s, by: []}]\n", "limits[0].by", 2, "too short", "1 item"),
    ("version: 1\nlimits: [{limit: 5, per: 60s, by: [usr]}]\n", "limits[0].by[0]", 2, '"usr"', "Did you mean user?"),
    ("version: 1\nlimits: [{limit: 5, per: 60s, by: [user, user]}]\n", "limits[0]", 2, "twice", ""),
    # network and audit
    ("version: 1\nnetwork: {allow: [10.0.0.0/99]}\n", "network.allow[0]", 2, "10.2.0.0/16", ""),
    ("version: 1\nnetwork: {allow: 10.0.0.0/8}\n", "network.allow", 2, "a list belongs here", ""),
    ('version: 1\nnetwork: {proxy: "${secret:wh}"}\n', "network.proxy", 2, "does not serve `proxy` yet", "Leave"),
    ("version: 1\naudit: {keep: 5m}\n", "audit.keep", 2, "at least one day", "180d"),
    ("version: 1\naudit: {keep: forever}\n", "audit.keep", 2, "'forever' is not a duration", ""),
    ("version: 1\naudit: {arguments: mask}\n", "audit.arguments", 2, '"mask"', "Did you mean masked?"),
    ("version: 1\naudit: {write: slow}\n", "audit.write", 2, '"slow"', "durable or fast"),
    ("version: 1\naudit: {write: }\n", "audit.write", 2, "empty", "durable or fast"),
    ("version: 1\naudit: true\n", "audit", 2, "keys with values belong here, not true", "{keep: …}"),
]


@pytest.mark.parametrize(("text", "path", "line", "message", "hint"), [row for row in BROKEN if row[1] is not None])
def test_one_mistake_is_one_finding_at_its_place(findings, text, path, line, message, hint):
    found = findings(text)
    here = [finding for finding in found if finding.path == path]
    assert here, [str(finding) for finding in found]
    assert here[0].line == line or line is None
    assert here[0].column is not None or line is None
    assert message in here[0].message
    assert hint in here[0].hint or hint in here[0].message


def test_the_table_is_long_enough():
    assert len(BROKEN) > 100


@pytest.mark.parametrize(("text", "path"), [(row[0], row[1]) for row in BROKEN if row[1] is None])
def test_what_looks_odd_and_is_right_loads(load, text, path):
    load(text)


ALONE = [row for row in BROKEN if row[1] not in (None, "functions.f.auth.access_key_id", 'operations."crm.lookop"')]


@pytest.mark.parametrize("text", [row[0] for row in ALONE])
def test_a_single_mistake_is_told_once(findings, text):
    assert len(findings(text)) == 1


def test_all_mistakes_come_at_once(findings):
    text = (
        "version: 1\nrolse: {}\nlimits: [{limit: 0, per: 5h, by: [me]}]\nreview: {detect: [ssn]}\n"
        "operations: {a: {before: b}}\nalerts: []\n"
    )
    assert [finding.path for finding in findings(text)] == [
        "rolse",
        "limits[0].limit",
        "limits[0].by[0]",
        "review.detect[0]",
        "operations.a",
        "operations.a.before",
        "alerts",
    ]


def test_the_line_is_that_of_the_value_and_of_the_key_where_the_key_is_wrong(findings):
    (value,) = findings("version: 1\naudit:\n  keep:\n    never\n")
    assert (value.line, value.column) == (4, 5)
    (key,) = findings("version: 1\naudit:\n  keeep: 5d\n")
    assert (key.line, key.column) == (3, 3)


def test_json_in_one_line_has_columns(findings):
    (finding,) = findings('{"version": 1, "audit": {"keep": "never"}}')
    assert (finding.line, finding.column) == (1, 34)


VALUE = "the" + "-value-nobody-may-see"
LEAKY = [
    'version: 1\naudit: {keep: "${secret:s}"}\n',
    'version: 1\naudit: {write: "${secret:s}"}\n',
    'version: 1\nlimits: [{limit: "${secret:s}", per: "${secret:s}", of: "${secret:s}", by: ["${secret:s}"]}]\n',
    'version: 1\nnetwork: {allow: ["${secret:s}"]}\n',
    'version: 1\nreview: {refuse: [{pattern: "(${secret:s}"}], detect: ["${secret:s}"]}\n',
    'version: 1\nroles: {m: {allow: ["${secret:s}"], functions: ["${secret:s}"], crm: {hide: ["${secret:s}"]}}}\n',
    'version: 1\nfunctions: {f: {platform: "${secret:s}"}}\n',
    'version: 1\nfunctions: {f: {platform: http, target: {url: "https://x.example"}, arguments: {type: "${secret:s}"}}}\n',
    'version: 1\nfunctions: {f: {platform: http, target: {url: "https://x.example"}, auth: {standard_webhook: "${secret:s}"}}}\n',
    'version: 1\nfunctions: {f: {platform: http, target: {url: "https://x.example"}, price: {currency: "${secret:s}"}}}\n',
    'version: 1\noperations: {crm.lookup: {before: "${secret:s}"}}\n',
    'version: "${secret:s}"\n',
    'version: 1\ncrm: {main: {kind: "${secret:s}"}}\n',
]


@pytest.mark.parametrize("text", LEAKY)
def test_no_finding_shows_a_part_of_a_secret(findings, text):
    told = "\n".join(map(str, findings(text, secrets={"s": VALUE})))
    assert told
    assert not [VALUE[start : start + 8] for start in range(len(VALUE) - 7) if VALUE[start : start + 8] in told]


def test_no_finding_shows_a_literal_secret(findings):
    token = "gh" + "p_" + "a1B2c3D4e5F6g7H8i9J0" * 2
    for place in ("timeout", "effects", "describe", "limits", "nonsense"):
        told = "\n".join(map(str, findings(function(f"{place}: {token}"))))
        assert token[:10] not in told
        assert "GitHub token" in told
