#include "config.h"

#include "gateway/collection.h"

#include <stdbool.h>
#include <string.h>

/* The group that NAME, N bytes, is; GROUP__MAX: somebody else's. */
static enum group
group_of(const char *name, size_t n)
{
	enum group g = 0;

	while (g < GROUP__MAX && (strlen(groups[g].name) != n ||
	    memcmp(groups[g].name, name, n) != 0))
		g++;
	return g;
}

/* An older program had fewer cells in the group, a newer one has more. */
static const uint64_t *
copy_cells(struct arena *arena, const struct group_info *g,
    const uint64_t *cells, unsigned count)
{
	uint64_t *copy = arena_alloc(arena, g->cells * sizeof *copy);

	memcpy(copy, cells, (count < g->cells ? count : g->cells) *
	    sizeof *copy);
	if (g->is_gauge && (int64_t)copy[0] < 0)
		copy[0] = 0;
	return copy;
}

static void
add_sample(struct collection *c, enum group g, const char *labels, size_t n,
    const uint64_t *cells)
{
	struct sample *s = arena_alloc(&c->arena, sizeof *s + n);

	s->cells = cells;
	s->len = n;
	memcpy(s->labels, labels, n);
	*c->last[g] = s;
	c->last[g] = &s->next;
}

static void
collect(void *arg, const char *text, const uint64_t *cells, unsigned count,
    bool is_gauge)
{
	struct collection *c = arg;
	size_t	 name = strcspn(text, "{"), len = strlen(text);
	enum group g = group_of(text, name);

	if (g < GROUP__MAX && groups[g].is_gauge == is_gauge &&
	    len > name + 1 && text[len - 1] == '}')
		add_sample(c, g, text + name + 1, len - name - 2,
		    copy_cells(&c->arena, &groups[g], cells, count));
}

void
collection_init(struct collection *c, struct state *state)
{
	arena_init(&c->arena, 65536);
	for (enum group g = 0; g < GROUP__MAX; g++) {
		c->first[g] = NULL;
		c->last[g] = &c->first[g];
	}
	state_each(state, collect, c);
}

void
collection_fini(struct collection *c)
{
	arena_fini(&c->arena);
}
