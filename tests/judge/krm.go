package main

import (
	"fmt"
	"slices"
	"strings"
)

// What the specification of KRM functions says of a ResourceList besides its items.

func isResourceList(document any) (map[string]any, bool) {
	fields, ok := document.(map[string]any)
	version, _ := fields["apiVersion"].(string)
	return fields, ok && fields["kind"] == "ResourceList" && strings.HasPrefix(version, "config.kubernetes.io/")
}

// functionPolicy returns the default policy in the functionConfig of a ResourceList, or "".
func functionPolicy(document any) string {
	list, ok := isResourceList(document)
	if !ok {
		return ""
	}
	config, _ := list["functionConfig"].(map[string]any)
	for _, field := range []string{"data", "spec"} {
		options, _ := config[field].(map[string]any)
		if policy, ok := options["default-policy"].(string); ok {
			return policy
		}
	}
	return ""
}

// withoutNewResults returns a translated ResourceList with the results of its input, the number of the other results, and what is wrong
// with them.
func withoutNewResults(before, after any) (any, int, string) {
	input, isList := isResourceList(before)
	output, stillList := isResourceList(after)
	if !isList || !stillList {
		return after, 0, ""
	}
	old, _ := input["results"].([]any)
	results, _ := output["results"].([]any)
	if len(results) <= len(old) {
		return after, 0, ""
	}
	if difference("", any(old), any(results[:len(old)])) != "" {
		return after, 0, "new results stand before the old ones"
	}
	items, _ := input["items"].([]any)
	for _, result := range results[len(old):] {
		if why := wrongResult(result, items); why != "" {
			return after, 0, why
		}
	}
	restored := with(output, "results", input["results"])
	if !has(input, "results") {
		delete(restored, "results")
	}
	return restored, len(results) - len(old), ""
}

func wrongResult(result any, items []any) string {
	fields, _ := result.(map[string]any)
	if message, _ := fields["message"].(string); message == "" || len(message) > 1000 {
		return fmt.Sprintf("a result has no message, or a long one: %s", show(result))
	}
	if fields["severity"] != "warning" {
		return fmt.Sprintf("a result is no warning: %s", show(result))
	}
	reference, ok := fields["resourceRef"].(map[string]any)
	if ok && !slices.ContainsFunc(items, func(item any) bool { return difference("", referenceTo(item), any(reference)) == "" }) {
		return fmt.Sprintf("no item has this resourceRef: %s", show(reference))
	}
	return ""
}

func referenceTo(item any) any {
	fields, _ := item.(map[string]any)
	metadata, _ := fields["metadata"].(map[string]any)
	reference := map[string]any{"apiVersion": fields["apiVersion"], "kind": fields["kind"], "name": metadata["name"]}
	if namespace, ok := metadata["namespace"].(string); ok {
		reference["namespace"] = namespace
	}
	return reference
}
