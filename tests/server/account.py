"""A provider's account: an upstream that keeps what is made in it, for everybody."""
import itertools
import json
import re
from urllib.parse import parse_qs

NESTED = ["fine_tuning/jobs", "messages/batches", "threads/runs", "batch/jobs",
          "audio/voices", "chatkit/threads", "videos/edits"]
numbers = itertools.count(1)


def split(path):
    """The collection, the id ("" = none) and what follows it."""
    path = path.removeprefix("/v1/")
    name = next((n for n in NESTED if path == n or path.startswith(n + "/")),
                path.split("/")[0])
    rest = path[len(name):].strip("/").split("/", 1)
    return name, rest[0], rest[1] if len(rest) > 1 else ""


class Account:
    """
    Ids begin with PREFIX. PAGE is the default length of a page, and with ANTHROPIC
    lists are in that API's shape.
    """

    def __init__(self, upstream, prefix="id", page=20, anthropic=False):
        self.prefix, self.page, self.anthropic = prefix, page, anthropic
        self.things = {}            # by collection, newest first: id to object
        self.asked = []             # (method, path, query)
        upstream.script = self

    def add(self, kind, **more):
        name = f"{self.prefix}_{re.sub('[^a-z]', '', kind)}_{next(numbers)}"
        thing = dict({"id": name, "object": kind}, **more)
        self.things[kind] = {name: thing, **self.things.get(kind, {})}
        return thing

    def __call__(self, x):
        path, _, query = x.path.partition("?")
        self.asked.append((x.method, path, query))
        kind, name, rest = split(path)
        query = {k: v[-1] for k, v in parse_qs(query).items()}
        if name == "":
            return self.all(x, kind, query)
        thing = self.things.get(kind, {}).get(name)
        if thing is None:
            return x.json({"error": {"message": "no such thing"}}, 404)
        if x.method == "DELETE" and rest == "":
            del self.things[kind][name]
            return x.json({"id": name, "deleted": True})
        if x.method == "HEAD":
            x.keep = True
            return x.head(200, [("Content-Length", "7")])
        if rest == "":
            return x.json(thing)
        return x.json({"of": name, "rest": rest, "method": x.method})

    def all(self, x, kind, query):
        if x.method == "POST":
            return x.json(self.make(x, kind))
        return x.json(self.list(kind, query))

    def make(self, x, kind):
        if kind == "threads/runs":
            thread = self.add("threads")
            return {"id": f"run_{next(numbers)}", "thread_id": thread["id"]}
        if kind == "videos/edits":
            return self.add("videos")
        return self.add(kind)

    def list(self, kind, query):
        things = list(self.things.get(kind, {}).values())
        after = query.get("after_id" if self.anthropic else "after")
        if after:
            names = [t["id"] for t in things]
            things = things[names.index(after) + 1:]
        limit = int(query.get("limit", self.page))
        page = {"data": things[:limit], "has_more": len(things) > limit,
                "first_id": things[0]["id"] if things else None,
                "last_id": things[:limit][-1]["id"] if things else None}
        return page if self.anthropic else dict({"object": "list"}, **page)


def names(reply):
    """The ids of a list."""
    assert reply.status == 200, reply
    return [thing["id"] for thing in json.loads(reply.body)["data"]]


def given(client, upstream, kind, name, headers=()):
    """The client has made NAME, as far as anybody can tell."""
    script, upstream.script = upstream.script, lambda x: x.json({"id": name})
    reply = client.post(f"/v1/{kind}", {}, headers=list(headers))
    assert reply.status == 200, reply
    upstream.script = script
    upstream.requests.clear()
    return name
