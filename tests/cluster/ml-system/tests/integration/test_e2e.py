"""The integration tests that the guide runs after a deployment, against API_URL."""

import json
import time
import urllib.error
import urllib.request

import pytest


def call(url, body=None, **headers):
    """(status, answer) of a GET, or of a POST of `body` as JSON."""
    data = None if body is None else json.dumps(body).encode()
    request = urllib.request.Request(url, data=data, headers=headers)
    try:
        with urllib.request.urlopen(request, timeout=5) as answer:
            return answer.status, json.load(answer)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


def test_health(url):
    status, answer = call(f"{url}/health")
    assert (status, answer["status"]) == (200, "healthy")


def test_info_wants_the_key(url, key):
    assert call(f"{url}/info")[0] == 401
    assert call(f"{url}/info", **{"X-API-Key": "wrong"})[0] == 401
    status, answer = call(f"{url}/info", **{"X-API-Key": key})
    assert status == 200
    assert answer["version"]


def test_predict(url):
    status, answer = call(f"{url}/predict", {"text": "this is fine"})
    assert (status, answer["label"]) == (200, "positive")


def test_predict_refuses_nonsense(url):
    assert call(f"{url}/predict", {"words": 1})[0] == 422


@pytest.mark.slow
def test_it_stays_healthy(url):
    for _ in range(5):
        assert call(f"{url}/health")[0] == 200
        time.sleep(0.5)
