/* channel.h - one provider at one base URL: how well it does, for all processes. */
#ifndef GATEWAY_CHANNEL_H
#define GATEWAY_CHANNEL_H

#include <stdbool.h>
#include <stdint.h>

#include "conf/conf.h"
#include "gateway/breaker.h"
#include "store/state.h"

/* What is known lives in the state segment; a snapshot has one of these for each. */
struct channel {
	const char	*name;		/* the provider's, and the base URL where that is another */
	const struct conf_provider *provider;
	const char	*base_url;	/* no trailing slash */
	uint64_t	 seed;		/* for rendezvous hashing: the same on every machine */
	struct state_channel *shared;	/* NULL: the table is full, and nothing is remembered */
	unsigned	 generation;	/* state_generation when it was found */
	bool		 is_redirect_told; /* this process has logged that it redirects */
	uint64_t	 told_failure;	/* which failure this process logged last; 0 = none since it answered */
	uint64_t	 told_ms;	/* monotonic: when */
	bool		 is_unwell;	/* what this process's last probe of it said */
	uint64_t	 calm_ms;	/* wall clock: when it ended, unless it found a failure; else 0 */
};

/*
 * How a try at a channel ended. No client may put a channel out of use for
 * others, so it matters what a request can have caused by itself.
 */
enum channel_verdict {
	CHANNEL_WELL,			/* it answered, if only to say that the request is wrong */
	CHANNEL_FAILED,			/* whatever the request said: nobody has read it */
	CHANNEL_FAILED_REQUEST,		/* at this request: counts when another client's has failed too */
	CHANNEL_REFUSED_KEY,		/* it counts when a probe finds the same */
	CHANNEL_UNKNOWN			/* the client left, or another try was faster */
};

struct channel_end {
	enum channel_verdict verdict;
	enum breaker_pass pass;		/* as channel_enter gave it */
	uint64_t	 client;	/* whose request: a hash; 0 = all clients are one */
	bool		 stream;
	uint64_t	 first_token_ms; /* after the try's start; 0 = none came */
	uint64_t	 total_ms;
	int64_t		 retry_after_ms; /* -1 = the provider did not say */
};

/* How it does, for people. All 0 where nothing is remembered. */
struct channel_status {
	enum breaker_state breaker;
	bool		 is_out;	/* its breaker is open, or it asked for a pause */
	double		 error_rate;	/* 0 to 1, faded by age */
	uint64_t	 last_end_ms;	/* wall clock; 0 = never */
};

/* A number for TEXT that is the same on every machine. */
uint64_t channel_hash(const char *text, size_t n);

/* The same for what a caller's HASH becomes with a salt; 0 is none. */
uint64_t channel_hash_salted(uint64_t hash, uint64_t salt);

/*
 * Find NAME's record in the segment. What takes a struct state below does so
 * again by itself when state_generation has changed; for the rest it is the
 * caller's part, before each use.
 */
void	channel_attach(struct channel *, struct state *);

/*
 * What a request's weight is divided by at NOW_MS (wall clock), 1 or more: S3's
 * score without the weights (P38), inverted. By time to the first token, for
 * total time depends on what was asked for.
 */
double	channel_slowness(const struct channel *, uint64_t now_ms);

/* A breaker's probe whose process has died is free for the next. */
void	channel_free_orphan(struct channel *, struct state *, uint64_t now_ms);

/* Its breaker closes, and its pause and its errors are forgotten. */
void	channel_forget(struct channel *);

/* Is it of no use for now: its breaker is open, or it asked for a pause? */
bool	channel_is_out(const struct channel *, uint64_t now_ms);

/* Is it so for CLIENT, whose own requests may have failed there? */
bool	channel_is_out_for(const struct channel *, uint64_t client,
	    uint64_t now_ms);

/*
 * Has a request failed there in a way that a probe may confirm, with nothing of
 * a client's? Until a request succeeds, a probe is well, or the breaker opens.
 */
bool	channel_is_suspected(const struct channel *);

/* What is known of it at NOW_MS. */
void	channel_read(const struct channel *, uint64_t now_ms,
	    struct channel_status *);

/*
 * A try for CLIENT (see channel_end) is about to start; PROBE_MS is the longest
 * that it can take.
 */
enum breaker_pass channel_enter(struct channel *, struct state *,
	    uint64_t client, uint64_t now_ms, unsigned probe_ms);

/* A try has produced its first token: a probe has succeeded with that. */
void	channel_note_token(struct channel *, struct state *, enum breaker_pass);

/* It is over. True: the breaker opened. */
bool	channel_leave(struct channel *, struct state *, const struct conf *,
	    uint64_t now_ms, const struct channel_end *);

/*
 * When it last showed how it does, with the end of a request or of a probe (wall
 * clock); 0 = never.
 */
uint64_t channel_last_ms(const struct channel *);

/* What is known of how it does, for people. */
enum channel_health { CHANNEL_HEALTH_UNKNOWN, CHANNEL_HEALTHY, CHANNEL_UNHEALTHY };

struct channel_report {
	enum channel_health health;
	double		 first_token_ms, total_ms;	/* averages; below 0 = nothing is known */
	double		 error_rate;	/* 0 to 1 */
};

void	channel_report(const struct channel *, uint64_t now_ms,
	    struct channel_report *);

/* A health probe has ended, whatever it found. */
void	channel_note_probe(struct channel *, uint64_t now_ms);

/*
 * What it found. CHANNEL_REFUSED_KEY opens the breaker at once where a request
 * was refused so as well and none has succeeded since; otherwise it is a
 * failure like others.
 */
void	channel_note_health(struct channel *, const struct conf *,
	    uint64_t now_ms, enum channel_verdict);

/*
 * The time within which the quantile Q (0 to 1) of its first tokens came, in
 * ms; 0 while fewer than CHANNEL_SAMPLES_MIN are known.
 */
unsigned channel_quantile_ms(const struct channel *, bool stream, double q);

/* After how long another is to be asked beside it, in ms; 0: none is, or not yet. */
unsigned channel_hedge_ms(const struct channel *, bool stream,
	    enum conf_hedge);

enum { CHANNEL_SAMPLES_MIN = 20 };
#endif
