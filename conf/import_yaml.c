/* import_yaml.c - the plain settings of a small YAML file. */
#include "config.h"

#include "conf/import_yaml.h"

#include <stdio.h>
#include <string.h>

#include <yaml.h>

#include "conf/import.h"
#include "conf/values.h"

enum { DEPTH_MAX = 8, NAME_BYTES = 256 };

struct walk {
	struct import	*im;
	import_yaml_fn	*take;
	void		*arg;
	char		 name[NAME_BYTES];	/* of the mapping, then of the member */
	size_t		 lengths[DEPTH_MAX + 1]; /* of the name at each depth */
	unsigned	 depth;
	bool		 has_member;		/* the next node is its value */
	unsigned	 documents;
};

/* The scalar is a member's name. */
static const char *
enter_member(struct walk *w, const char *text)
{
	size_t n = w->lengths[w->depth];
	int added = snprintf(w->name + n, sizeof(w->name) - n, "%s%s",
	    n == 0 ? "" : ".", text);

	w->has_member = true;
	return added < 0 || (size_t)added >= sizeof(w->name) - n ?
	    "a name that is too long" : NULL;
}

static const char *
take_scalar(struct walk *w, const yaml_event_t *e)
{
	const char *text = (const char *)e->data.scalar.value;

	if (w->depth == 0)
		return "expected a mapping";
	if (!values_is_text(text, e->data.scalar.length))
		return "control characters";
	if (!w->has_member)
		return enter_member(w, text);
	w->has_member = false;
	w->take(w->im, w->arg, (unsigned)e->start_mark.line + 1, w->name, text);
	return NULL;
}

static const char *
enter_mapping(struct walk *w)
{
	if (w->depth > 0 && !w->has_member)
		return "expected a name";
	if (w->depth == DEPTH_MAX)
		return "nested too deeply";
	w->depth++;
	w->lengths[w->depth] = w->depth == 1 ? 0 : strlen(w->name);
	w->has_member = false;
	return NULL;
}

/* What is wrong with the event, or NULL. */
static const char *
take_event(struct walk *w, const yaml_event_t *e)
{
	switch (e->type) {
	case YAML_SCALAR_EVENT:
		return take_scalar(w, e);
	case YAML_MAPPING_START_EVENT:
		return enter_mapping(w);
	case YAML_MAPPING_END_EVENT:
		w->depth--;
		return NULL;
	case YAML_DOCUMENT_START_EVENT:
		return w->documents++ == 0 ? NULL : "a second document";
	case YAML_ALIAS_EVENT:
		return "aliases are not taken";
	case YAML_SEQUENCE_START_EVENT:
		return "expected no list";
	default:
		return NULL;
	}
}

/* The next event. False: the end, or a mistake (reported). */
static bool
step(struct walk *w, yaml_parser_t *parser, bool *good)
{
	const char *problem;
	yaml_event_t e;
	bool end;

	if (!yaml_parser_parse(parser, &e)) {
		import_problem(w->im, (unsigned)parser->problem_mark.line + 1,
		    "%s", parser->problem == NULL ? "this is no YAML" :
		    parser->problem);
		return *good = false;
	}
	end = e.type == YAML_STREAM_END_EVENT;
	problem = take_event(w, &e);
	if (problem != NULL) {
		import_problem(w->im, (unsigned)e.start_mark.line + 1, "%s",
		    problem);
		*good = false;
	}
	yaml_event_delete(&e);
	return *good && !end;
}

bool
import_yaml_read(struct import *im, const char *text, import_yaml_fn *take,
    void *arg)
{
	struct walk w = { .im = im, .take = take, .arg = arg };
	yaml_parser_t parser;
	bool good = true;

	if (!yaml_parser_initialize(&parser)) {
		import_problem(im, 0, "no memory");
		return false;
	}
	yaml_parser_set_input_string(&parser, (const unsigned char *)text,
	    strlen(text));
	while (step(&w, &parser, &good))
		;
	yaml_parser_delete(&parser);
	return good;
}
