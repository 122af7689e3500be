"""The setting `database_url`: what is taken, what is refused, and that no refusal repeats a secret."""

import pytest

from faas_toolkit.core.errors import Unavailable
from faas_toolkit.state.server_address import ServerAddress, parse_address


def address(**changes):
    known = {"dialect": "postgresql", "host": "db.example", "port": 5432, "user": "me", "password": "secret", "database": "data"}
    return ServerAddress(**{**known, **changes})


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("postgresql://me:secret@db.example/data", address()),
        ("postgres://me:secret@DB.example:6432/data", address(port=6432)),
        ("postgresql+psycopg2://me:secret@db.example/data", address()),
        ("mysql://me:secret@db.example/data", address(dialect="mysql", port=3306)),
        ("mariadb+pymysql://me:secret@db.example/data?charset=utf8mb4", address(dialect="mysql", port=3306)),
        ("  postgresql://me:secret@db.example/data\n", address()),
        ("postgresql://m%40e:p%3A%2F%3F%23%25@db.example/d%20a", address(user="m@e", password="p:/?#%", database="d a")),
        ("postgresql://me:secret@[2001:db8::1]:6432/data", address(host="2001:db8::1", port=6432)),
        ("postgresql://me:secret@10.0.0.1/data?sslmode=disable", address(host="10.0.0.1", encrypted=False)),
        ("postgresql://me:secret@db.example/data?sslmode=verify-full", address(encrypted=True)),
        ("postgresql://me:secret@db.example/data?sslmode=require", address(encrypted=True)),
        ("mysql://me:secret@db.example/data?ssl=true", address(dialect="mysql", port=3306, encrypted=True)),
        ("mysql://me:secret@db.example/data?ssl-mode=VERIFY_IDENTITY", address(dialect="mysql", port=3306, encrypted=True)),
        ("postgresql://me:secret@db.example/data?ssl_min_protocol_version=TLSv1.2", address(tls_minimum="TLSv1.2")),
        ("postgresql://me:secret@db.example/data?connect_timeout=12", address(connect_timeout=12)),
    ],
)
def test_an_address_is_read(url, expected):
    assert parse_address(url) == expected


REFUSED = {
    "another kind": "oracle://me:s3cr3t@db.example/data",
    "a file": "sqlite:////var/lib/other.db",
    "a file of the driver": "sqlite+pysqlite:///s3cr3t.db",
    "a foreign driver": "postgresql+evil://me:s3cr3t@db.example/data",
    "no kind": "db.example/data",
    "nothing": "",
    "no host": "postgresql:///data",
    "a socket": "postgresql://me:s3cr3t@%2Fvar%2Frun%2Fpostgresql/data",
    "a list of hosts": "postgresql://me:s3cr3t@one.example,two.example/data",
    "no user": "postgresql://db.example/data",
    "no password": "postgresql://me@db.example/data",
    "an empty password": "postgresql://me:@db.example/data",
    "no database": "postgresql://me:s3cr3t@db.example",
    "a path for a database": "postgresql://me:s3cr3t@db.example/a/b",
    "a port that is none": "postgresql://me:s3cr3t@db.example:port/data",
    "a port that is too high": "postgresql://me:s3cr3t@db.example:70000/data",
    "a null character": "postgresql://me:s3cr3t%00@db.example/data",
    "a line in the user": "postgresql://m%0Ae:s3cr3t@db.example/data",
    "half a character": "postgresql://me:s3cr3t\ud800@db.example/data",
    "a fragment": "postgresql://me:s3cr3t@db.example/data#x",
    "a ? in the password": "postgresql://me:s3?cr3t@db.example/data",
    "an @ in the password": "postgresql://me:p@s3cr3t@db.example,x/data",
    "a host in the options": "postgresql://me:s3cr3t@db.example/data?host=10.0.0.1",
    "an address in the options": "postgresql://me:s3cr3t@db.example/data?hostaddr=127.0.0.1",
    "a service": "postgresql://me:s3cr3t@db.example/data?service=prod",
    "a password file": "postgresql://me:s3cr3t@db.example/data?passfile=/etc/passwd",
    "an authority's file": "postgresql://me:s3cr3t@db.example/data?sslrootcert=/etc/passwd",
    "a key": "postgresql://me:s3cr3t@db.example/data?sslkey=/root/key",
    "options of the server": "postgresql://me:s3cr3t@db.example/data?options=-csearch_path%3Dx",
    "files into the database": "mysql://me:s3cr3t@db.example/data?local_infile=1",
    "a file of options": "mysql://me:s3cr3t@db.example/data?read_default_file=/root/.my.cnf",
    "a socket in the options": "mysql://me:s3cr3t@db.example/data?unix_socket=/run/mysqld.sock",
    "a first command": "mysql://me:s3cr3t@db.example/data?init_command=DROP",
    "TLS perhaps": "postgresql://me:s3cr3t@db.example/data?sslmode=prefer",
    "TLS twice": "postgresql://me:s3cr3t@db.example/data?sslmode=disable&ssl=true",
    "one option twice": "postgresql://me:s3cr3t@db.example/data?sslmode=disable&sslmode=require",
    "an old TLS": "postgresql://me:s3cr3t@db.example/data?ssl_min_protocol_version=TLSv1",
    "no number": "postgresql://me:s3cr3t@db.example/data?connect_timeout=soon",
    "no seconds": "postgresql://me:s3cr3t@db.example/data?connect_timeout=0",
    "seconds behind zeros": "postgresql://me:s3cr3t@db.example/data?connect_timeout=00030000",
    "too many seconds": "postgresql://me:s3cr3t@db.example/data?connect_timeout=300000000000000000000",
    "an option without a value": "postgresql://me:s3cr3t@db.example/data?sslmode",
    "a hundred options": "postgresql://me:s3cr3t@db.example/data?" + "&".join(f"o{n}=1" for n in range(100)),
}


@pytest.mark.parametrize("url", REFUSED.values(), ids=REFUSED)
def test_what_is_not_taken_is_refused_in_words_that_repeat_nothing(url):
    with pytest.raises(Unavailable) as caught:
        parse_address(url)
    failure = caught.value
    assert failure.message.startswith("The setting `database_url` ")
    assert "postgresql://" in failure.hint
    assert not failure.retryable
    assert not {part for part in ("s3cr3t", "cr3t", "/etc", "10.0.0.1", "prod", "evil") if part in failure.as_text()}


def test_the_password_is_in_no_representation():
    assert "secret" not in repr(parse_address("postgresql://me:secret@db.example/data"))


def test_a_database_has_one_copy_whoever_asks_it():
    one = parse_address("postgresql://me:secret@db.example/data")
    other = parse_address("postgres://you:other@db.example:5432/data?sslmode=disable")
    third = parse_address("postgres://you:other@db.example:5432/data2")
    assert one.fingerprint == other.fingerprint != third.fingerprint
