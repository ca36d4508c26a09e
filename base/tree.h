/* tree.h - a JSON object that somebody else sent, as yajl's tree.
 *
 * Nobody else makes trees: yajl frees one by recursion, so that a text with many
 * open brackets, which is small, would end the process.
 */
#ifndef BASE_TREE_H
#define BASE_TREE_H

#include <stddef.h>

#include <yajl/yajl_tree.h>

#include "base/buf.h"
#include "base/err.h"

/*
 * Parse N bytes of JSON. NULL when they are not one sound object (base/json.h
 * says which are; at most JSON_DEPTH_MAX brackets are open). The caller bounds N
 * and calls yajl_tree_free.
 */
yajl_val tree_parse(const char *json, size_t n);

/*
 * The same of any JSON value, in which there may be comments, for what an
 * operator has written. NULL: it is none, or has more than JSON_DEPTH_MAX open
 * brackets.
 */
yajl_val tree_parse_commented(const char *text);

/*
 * Append a value as JSON to OUT; numbers as they were written. ERR_NO_MEMORY: OUT
 * is full.
 */
enum err tree_write(struct buf *out, yajl_val);

/* The object's member NAME, or NULL; borrowed. NULL has no members. */
yajl_val tree_find(yajl_val object, const char *name);
#endif
