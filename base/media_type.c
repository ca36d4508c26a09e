#include "config.h"

#include "base/media_type.h"

#include <string.h>
#include <strings.h>

#include "base/http.h"

static const struct { const char *name; enum media_type type; } types[] = {
	{ "", MEDIA_TYPE_NONE },
	{ "application/json", MEDIA_TYPE_JSON },
	{ "application/x-www-form-urlencoded", MEDIA_TYPE_URLENCODED },
	{ "multipart/form-data", MEDIA_TYPE_FORM },
};

/* What UTF-8 is called, and what is a part of it. */
static const char *const utf8_names[] = { "utf-8", "utf8", "us-ascii" };

/* RFC 6839 section 3.1. */
static bool
has_json_suffix(struct param_text name)
{
	static const char tree[] = "application/", suffix[] = "+json";
	const size_t before = sizeof tree - 1, after = sizeof suffix - 1;

	return name.n > before + after &&
	    strncasecmp(name.p, tree, before) == 0 &&
	    http_is_token(name.p + before, name.n - before) &&
	    strncasecmp(name.p + name.n - after, suffix, after) == 0;
}

static enum media_type
find_type(struct param_text name)
{
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (param_is(name, types[i].name))
			return types[i].type;
	return has_json_suffix(name) ? MEDIA_TYPE_JSON : MEDIA_TYPE_OTHER;
}

bool
media_type_is_utf8(struct param_text charset)
{
	for (size_t i = 0; i < sizeof utf8_names / sizeof utf8_names[0]; i++)
		if (param_is(charset, utf8_names[i]))
			return true;
	return false;
}

/* TYPE, unless the parameters of it in REST make another of it. */
static enum media_type
judge_params(enum media_type type, struct param_text rest)
{
	enum param_result result;
	struct param param;
	bool found = false;

	while ((result = param_next(&rest, &param)) == PARAM_FOUND) {
		if (param.name.n < 7 || strncasecmp(param.name.p, "charset", 7) != 0)
			continue;
		if (found || param.name.n > 7 || !media_type_is_utf8(param.value))
			return MEDIA_TYPE_CHARSET;
		found = true;
	}
	return result == PARAM_BAD ? MEDIA_TYPE_OTHER : type;
}

enum media_type
media_type_parse(const char *content_type)
{
	const char *text = content_type == NULL ? "" : content_type;
	struct param_text rest = { text, strlen(text) };
	enum media_type type = find_type(param_first(&rest));
	enum media_type judged = MEDIA_TYPE_OTHER;

	if (type == MEDIA_TYPE_OTHER)
		return type;
	if (http_is_field_value(text, strlen(text)))
		judged = judge_params(type, rest);
	return type == MEDIA_TYPE_FORM && judged == MEDIA_TYPE_OTHER ? type :
	    judged;
}
