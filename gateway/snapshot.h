/* snapshot.h - the compiled configuration, shared by reference. */
#ifndef GATEWAY_SNAPSHOT_H
#define GATEWAY_SNAPSHOT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/arena.h"
#include "conf/conf.h"
#include "gateway/channel.h"
#include "gateway/cost.h"
#include "gateway/deny.h"
#include "gateway/roster.h"

enum { SNAPSHOT_KEY_HASH = 32 };

/* Its models are also known by their bare names. */
#define SNAPSHOT_NAMESPACE "default"

/* One provider's way to serve one model. All levels of configuration are merged. */
struct target {
	const struct conf_provider *provider;
	const char	*path;		/* API path of an endpoint, or NULL */
	const char	**paths;	/* path NULL: these API paths; count 0 = all */
	size_t		 path_count;
	const char	*base_url;	/* no trailing slash */
	const char	*model;		/* name upstream; NULL = as the client says it */
	const char	*deployment;	/* kind azure; NULL = the model's name upstream */
	const char	*key;		/* the provider's key, or NULL = none is sent */
	struct conf_timeouts timeouts;	/* headers_ms 0 = no file sets it */
	struct channel	*channel;
	unsigned	 order;		/* of appearance among the model's targets */
	float		 weight;	/* the provider's x the model's */
	enum conf_release release;
	enum conf_hedge	 hedge;
	struct cost_prices prices;
	uint64_t	 denied;	/* members of bodies that its provider does not take; see deny */
};

/*
 * What choosing among many targets looks at: one for each of a model's, densely
 * packed.
 */
struct lane {
	uint64_t	 seed;		/* its channel's */
	float		 cost;		/* 1 / (provider's weight x model's weight) */
	uint32_t	 channel;	/* index into the snapshot's channels */
};

/* Targets of equal priority: [the previous tier's end, END). */
struct tier {
	uint32_t	 end;
	float		 weight;	/* of all of them */
};

/* An exposed id, or with is_wildcard everything that begins with id. */
struct model {
	const char	*id;
	bool		 is_wildcard;
	struct target	*targets;	/* by priority */
	struct lane	*lanes;		/* in the same order */
	size_t		 target_count;
	struct tier	*tiers;
	size_t		 tier_count;
	int64_t		 created;	/* seconds since 1970 */
	const char	*owned_by;
	const char	*display_name;	/* NULL = its id */
	unsigned	 context_window, max_output; /* tokens; 0 = not told */
};

struct snapshot {
	unsigned	 refs;
	struct conf	*conf;		/* a reference, as that on MANAGED */
	struct managed_list *managed;	/* what was made at run time; NULL = nothing */
	struct arena	 arena;
	struct roster	 roster;
	struct model	*models;	/* by id; wildcards are kept apart */
	size_t		 model_count;
	struct model	*wildcards;	/* longest id first */
	size_t		 wildcard_count;
	struct target	*providers;	/* each as a whole, in the roster's order */
	struct target	*passthroughs;	/* providers that take requests without a model */
	size_t		 passthrough_count;
	unsigned char	(*key_hashes)[SNAPSHOT_KEY_HASH];	/* of the client keys */
	char		(*key_names)[KEYS_ID_SIZE];	/* their ids, in the same order */
	size_t		 key_count;
	struct key_ids	 key_ids;	/* what makes ids */
	const char	*default_model;	/* NULL = none */
	struct deny	 deny;

	/* What is not immutable: what the loop has worked out of the state segment. */
	struct channel	*channels;	/* the providers in their order, then endpoints with a base URL of their own */
	size_t		 channel_count;
	float		*slowness;	/* by channel: channel_slowness */
	float		 speed;		/* the mean of what that is the inverse of */
	uint64_t	 refreshed_ms;	/* when that was looked at; 0 = never */
	unsigned	 generation;	/* state_generation when the channels were attached */
};

/*
 * Compile CONF, whose reference is the snapshot's from now on, and MANAGED (may be
 * NULL), of which it takes one. One reference on the snapshot is the caller's.
 * BEFORE, NULL at first, is what it replaces. Blocks on local files: the keys that
 * seal and that make ids, the latter of which is made where there is none yet.
 */
struct snapshot *snapshot_create(struct conf *, struct managed_list *managed,
	    const struct snapshot *before);
struct snapshot *snapshot_ref(struct snapshot *);
void	snapshot_unref(struct snapshot *);	/* NULL is fine */

/*
 * Attach the channels where that is still to be done, and work out their
 * slowness anew a few times a second. NOW_MS is wall-clock time.
 */
void	snapshot_refresh(struct snapshot *, struct state *, uint64_t now_ms);

/*
 * A channel that is new, or another server by now, under its old name, or has
 * another key: what was known of it before S came into force is forgotten.
 * BEFORE is what S replaces. Once for each reload and process, after snapshot_refresh.
 */
void	snapshot_forget_changed(struct snapshot *s,
	    const struct snapshot *before);

/*
 * The provider called NAME as a target of its own, for requests without a
 * model; NULL: none.
 */
const struct target *snapshot_find_provider(const struct snapshot *,
	    const char *name);

/*
 * The target that serves MODEL at PLACE, its first where there are several; NULL:
 * none does.
 */
const struct target *snapshot_find_target(const struct snapshot *,
	    const char *model, const struct target *place);

/*
 * Who relays POSTs to API_PATH ("infill") by model, although no route of our own
 * does: NONE, those providers and models whose configuration names it, or ALL.
 * The same holds for a path that differs from API_PATH in case alone if ANY_CASE.
 */
enum snapshot_path { SNAPSHOT_PATH_NONE, SNAPSHOT_PATH_NAMED, SNAPSHOT_PATH_ALL };
enum snapshot_path snapshot_find_path(const struct snapshot *,
	    const char *api_path, bool any_case);

/*
 * The same at BASE_URL, "" = the provider's own; it may be in ARENA. NULL: there
 * is no such provider, or none of its channels is there.
 */
const struct target *snapshot_find_place(const struct snapshot *,
	    struct arena *, const char *name, const char *base_url);

/*
 * Find what NAME stands for: an exposed id, the same without a leading
 * "default/", else the wildcard with the longest matching beginning. *REST is
 * what a wildcard's "*" stands for, NULL for an exact match. NULL: no such model.
 */
const struct model *snapshot_find(const struct snapshot *, const char *name,
	    const char **rest);
#endif
