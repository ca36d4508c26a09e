/* show_json.h - the effective configuration as JSON. */
#ifndef CONF_SHOW_JSON_H
#define CONF_SHOW_JSON_H

struct buf;
struct conf;
struct conf_provider;

/*
 * The effective values of sluice.conf, or of one provider file, as an object;
 * "timeouts.idle" is the member idle of timeouts, and null is what this level
 * does not say. Secrets are masked; what names an environment variable is
 * {"variable":"NAME","is_set":true}.
 */
void	show_json_main(struct buf *, const struct conf *);
void	show_json_provider(struct buf *, const struct conf *,
	    const struct conf_provider *);
#endif
