/* tree.h - a JSON object that somebody else sent, as yajl's tree. */
#ifndef UPSTREAM_TREE_H
#define UPSTREAM_TREE_H

#include <stddef.h>

#include <yajl/yajl_tree.h>

/*
 * Parse N bytes of JSON. NULL when they are not one sound object (base/json.h
 * says which are; that bounds the depth, for yajl frees its trees by
 * recursion). The caller bounds N and calls yajl_tree_free.
 */
yajl_val tree_parse(const char *json, size_t n);

/* The object's member NAME, or NULL; borrowed. NULL has no members. */
yajl_val tree_find(yajl_val object, const char *name);
#endif
