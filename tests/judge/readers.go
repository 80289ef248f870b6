package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"

	kyaml "sigs.k8s.io/kustomize/kyaml/yaml"
	"sigs.k8s.io/yaml"
)

// reader turns a document into plain values (see meaning.go), or refuses it.
type reader struct {
	name string
	read func(document string) (any, error)
}

var readers = []reader{{"sigs", readSigs}, {"kyaml", readKyaml}, {"json", readJSON}}

// readSigs reads as Helm does for the API server: YAML 1.1 (`yes` is a bool), converted to JSON. The last duplicate wins.
func readSigs(document string) (value any, err error) {
	defer recovered(&err)
	text, err := yaml.YAMLToJSON([]byte(document))
	if err != nil {
		return nil, err
	}
	return readJSON(string(text))
}

// readJSON reads documents that begin with a brace as kubectl does. The two YAML readers know neither `\/` nor surrogate
// pairs. If the input is JSON, the output must be JSON.
func readJSON(document string) (value any, err error) {
	document = strings.TrimPrefix(document, "---")
	numbers := json.NewDecoder(strings.NewReader(document))
	numbers.UseNumber()
	if err := numbers.Decode(&value); err != nil {
		return nil, err
	}
	if rest := strings.TrimSpace(document[numbers.InputOffset():]); rest != "" && rest != "..." {
		return nil, errors.New("there is more than JSON")
	}
	return value, nil
}

// scalar is a scalar that is no string, with its text, because 0x10 must not become 16.
type scalar struct{ tag, text string }

// maxNodes limits the expansion of aliases. kyaml has no limit, and overflows the stack if an anchor contains itself.
const (
	maxNodes  = 1_000_000
	maxLevels = 100
)

// readKyaml reads as Helm 4 does around a post-renderer. kyaml keeps the text of nodes, and duplicates.
func readKyaml(document string) (value any, err error) {
	defer recovered(&err)
	root, err := kyaml.Parse(document)
	if errors.Is(err, io.EOF) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	// kyaml resolves one level of nested merges at a time.
	for level := 0; ; level++ {
		shape := shape{sizes: map[*kyaml.Node]int{}}
		if shape.measure(root.YNode()) > maxNodes || level == maxLevels {
			return nil, errors.New("its aliases expand to too much, or contain themselves")
		}
		if !shape.shared {
			break
		}
		if err := root.DeAnchor(); err != nil {
			return nil, err
		}
	}
	return plainValue(root.YNode())
}

// shape is the size of an expanded node tree, and whether it has anything to expand.
type shape struct {
	sizes  map[*kyaml.Node]int
	shared bool
}

func (s *shape) measure(node *kyaml.Node) int {
	if node == nil {
		return 0
	}
	if size, seen := s.sizes[node]; seen {
		return size
	}
	s.sizes[node] = maxNodes + 1 // a node that is found again while it is measured contains itself
	size := 1 + s.measure(node.Alias)
	for _, child := range node.Content {
		size = min(size+s.measure(child), maxNodes+1)
	}
	s.shared = s.shared || node.Kind == kyaml.AliasNode
	for i := 0; node.Kind == kyaml.MappingNode && i < len(node.Content); i += 2 {
		s.shared = s.shared || node.Content[i].Tag == kyaml.MergeTag
	}
	s.sizes[node] = size
	return size
}

func plainValue(node *kyaml.Node) (any, error) {
	switch node.Kind {
	case kyaml.SequenceNode:
		items := make([]any, len(node.Content))
		for i, child := range node.Content {
			item, err := plainValue(child)
			if err != nil {
				return nil, err
			}
			items[i] = item
		}
		return items, nil
	case kyaml.MappingNode:
		fields := map[string]any{}
		for i := 0; i < len(node.Content); i += 2 {
			key, err := plainKey(node.Content[i])
			if err != nil {
				return nil, err
			}
			value, err := plainValue(node.Content[i+1])
			if err != nil {
				return nil, err
			}
			for has(fields, key) {
				key = again(key)
			}
			fields[key] = value
		}
		return fields, nil
	case kyaml.ScalarNode:
		return plainScalar(node), nil
	default:
		return nil, fmt.Errorf("line %d: a node of kind %d", node.Line, node.Kind)
	}
}

// plainKey returns the text of a key, or its YAML if it is no scalar.
func plainKey(node *kyaml.Node) (string, error) {
	if node.Kind == kyaml.ScalarNode {
		return node.Value, nil
	}
	return kyaml.NewRNode(node).String()
}

func has(fields map[string]any, key string) bool {
	_, ok := fields[key]
	return ok
}

// plainScalar converts a scalar as YAML 1.1 does, which decides what the API server gets: `yes` is a bool, a date a string.
// kyaml's nodes follow YAML 1.2, but its compatibility check knows the difference.
func plainScalar(node *kyaml.Node) any {
	switch tag := node.ShortTag(); tag {
	case kyaml.NodeTagNull:
		return nil
	case kyaml.NodeTagBool, kyaml.NodeTagInt, kyaml.NodeTagFloat:
		return scalar{tag, node.Value}
	default:
		if plain := node.Style == 0; plain && kyaml.IsYaml1_1NonString(node) {
			return scalar{tag, node.Value}
		}
		return node.Value
	}
}

func recovered(err *error) {
	if cause := recover(); cause != nil {
		*err = fmt.Errorf("panic: %v", cause)
	}
}
