package main

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
)

// What the output must mean according to the specification, on plain values: nil is a null, a string is a string, and
// anything else that is no map[string]any or []any is another scalar. The second occurrence of a key is stored under
// again(key), because Helm accepts duplicate keys.

const (
	helmPolicy = "helm.sh/hook-delete-policy"
	kotsPolicy = "kots.io/hook-delete-policy"
)

func again(key string) string { return key + " (again)" }

// translate returns what a document must mean after jobsweep, and the number of added annotations.
func translate(document any, defaultPolicy string) (any, int) {
	return translateObject(document, object{}, defaultPolicy)
}

// object is the kind and version of the items of a typed list that have none.
type object struct{ kind, apiVersion any }

func translateObject(value any, inherited object, defaultPolicy string) (any, int) {
	fields, ok := value.(map[string]any)
	if !ok {
		return value, 0
	}
	self := inherited.overriddenBy(fields)
	if self.isJob() {
		return translateJob(fields, defaultPolicy)
	}
	items, ok := fields["items"].([]any)
	if !ok || !self.isList() {
		return value, 0
	}
	items = slices.Clone(items)
	total := 0
	for i := range items {
		var added int
		items[i], added = translateObject(items[i], self.ofItems(), defaultPolicy)
		total += added
	}
	return with(fields, "items", items), total
}

func (o object) overriddenBy(fields map[string]any) object {
	if kind, ok := fields["kind"]; ok {
		o.kind = kind
	}
	if version, ok := fields["apiVersion"]; ok {
		o.apiVersion = version
	}
	return o
}

func (o object) isJob() bool {
	version, ok := o.apiVersion.(string)
	return ok && o.kind == "Job" && strings.HasPrefix(version, "batch/")
}

// isList tells whether kubectl and Helm apply the items of a List. They accept the versions `v1`, `batch/v1` and even "".
// They refuse a List without a version or with white space in it ("v1\n", from a block scalar), and a JobList that is
// not of batch.
func (o object) isList() bool {
	if _, ok := isResourceList(map[string]any{"kind": o.kind, "apiVersion": o.apiVersion}); ok {
		return true
	}
	version, ok := o.apiVersion.(string)
	return o.kind == "JobList" && strings.HasPrefix(version, "batch/") || o.kind == "List" && ok && !strings.ContainsAny(version, " \t\r\n")
}

func (o object) ofItems() object {
	if o.kind == "JobList" {
		return object{kind: "Job", apiVersion: o.apiVersion}
	}
	return object{}
}

func translateJob(job map[string]any, defaultPolicy string) (any, int) {
	metadata, ok := job["metadata"].(map[string]any)
	if !ok {
		return job, 0
	}
	annotations, ok := metadata["annotations"].(map[string]any)
	if !ok && metadata["annotations"] != nil {
		return job, 0
	}
	if _, ok := annotations[kotsPolicy]; ok {
		return job, 0
	}
	policy, has := annotations[helmPolicy]
	if !has && defaultPolicy != "" {
		policy = defaultPolicy
	}
	if _, ok := policy.(string); !ok {
		return job, 0
	}
	annotations = with(annotations, kotsPolicy, policy)
	return with(job, "metadata", with(metadata, "annotations", annotations)), 1
}

func with(fields map[string]any, key string, value any) map[string]any {
	copied := maps.Clone(fields)
	if copied == nil {
		copied = map[string]any{}
	}
	copied[key] = value
	return copied
}

// undecided returns a duplicate key that decides what jobsweep does, or "".
// It looks only at documents that can hold a policy or get a default one, because jobsweep does not read others.
func undecided(document any, defaultPolicy string) string {
	fields, ok := document.(map[string]any)
	if !ok {
		return ""
	}
	for _, list := range both(fields, "items") {
		items, _ := list.([]any)
		for _, item := range items {
			if key := undecided(item, defaultPolicy); key != "" {
				return key
			}
		}
	}
	if !slices.Contains(both(fields, "kind"), any("Job")) || !slices.ContainsFunc(both(fields, "apiVersion"), isBatch) {
		return ""
	}
	var twice []string
	note := func(fields map[string]any, keys ...string) {
		for _, key := range keys {
			if _, ok := fields[again(key)]; ok {
				twice = append(twice, key)
			}
		}
	}
	policies := 0
	note(fields, "kind", "apiVersion", "metadata")
	for _, metadata := range both(fields, "metadata") {
		metadata, _ := metadata.(map[string]any)
		note(metadata, "annotations")
		for _, annotations := range both(metadata, "annotations") {
			annotations, _ := annotations.(map[string]any)
			note(annotations, helmPolicy, kotsPolicy)
			policies += len(both(annotations, helmPolicy))
		}
	}
	if len(twice) == 0 || policies == 0 && defaultPolicy == "" {
		return ""
	}
	return twice[0]
}

func both(fields map[string]any, key string) []any {
	var values []any
	for _, key := range []string{key, again(key)} {
		if value, ok := fields[key]; ok {
			values = append(values, value)
		}
	}
	return values
}

func isBatch(version any) bool {
	text, ok := version.(string)
	return ok && strings.HasPrefix(text, "batch/")
}

// difference describes the first difference of two values, or returns "".
func difference(path string, want, got any) string {
	switch want := want.(type) {
	case map[string]any:
		got, ok := got.(map[string]any)
		if !ok {
			break
		}
		for _, key := range slices.Sorted(maps.Keys(want)) {
			value, ok := got[key]
			if !ok {
				return fmt.Sprintf("%s lacks the key %q (%s)", place(path), key, show(want[key]))
			}
			if why := difference(path+"."+key, want[key], value); why != "" {
				return why
			}
		}
		for _, key := range slices.Sorted(maps.Keys(got)) {
			if _, ok := want[key]; !ok {
				return fmt.Sprintf("%s has the key %q (%s), which must not be there", place(path), key, show(got[key]))
			}
		}
		return ""
	case []any:
		got, ok := got.([]any)
		if !ok || len(got) != len(want) {
			break
		}
		for i := range want {
			if why := difference(fmt.Sprintf("%s[%d]", path, i), want[i], got[i]); why != "" {
				return why
			}
		}
		return ""
	}
	if reflect.DeepEqual(want, got) {
		return ""
	}
	return fmt.Sprintf("%s must be %s, but is %s", place(path), show(want), show(got))
}

func place(path string) string {
	if path == "" {
		return "the document"
	}
	return strings.TrimPrefix(path, ".")
}

func show(value any) string {
	text := fmt.Sprintf("%#v", value)
	if len(text) > 200 {
		text = text[:200] + "…"
	}
	return text
}
