package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// lostBytes describes a byte of the input that is missing, moved or replaced in the output, or returns "".
//
// The output must be the input with at most one insertion for each added annotation, and each insertion must contain the
// annotation's key. In a document with anchors a rewrite may need more insertions (a mapping moved to the right, braces
// around an alias), so there all bytes of the input must only be in the output, in order.
// The only bytes that may go are those of a null that a default policy's mapping replaces.
func lostBytes(input, output string, insertions int, nullsMayGo bool) string {
	if endsLine(input) != endsLine(output) {
		return "the final line break was lost or gained"
	}
	m := matcher{in: input, out: output, tries: 100_000}
	if nullsMayGo {
		m.nulls = nullAnnotations(input)
	}
	if m.fits(0, 0, insertions) {
		return ""
	}
	at, ok := m.inOrder()
	if !ok {
		line := 1 + strings.Count(input[:at], "\n")
		return fmt.Sprintf("a byte of the input is lost: line %d, at %q", line, excerpt(input, at))
	}
	if strings.Contains(input, "&") {
		return ""
	}
	return fmt.Sprintf("more was changed than %d insertion(s) with the key %s", insertions, kotsPolicy)
}

func endsLine(s string) bool { return strings.HasSuffix(s, "\n") || strings.HasSuffix(s, "\r") }

func excerpt(s string, at int) string { return s[at:min(at+40, len(s))] }

// A null value, after tags, anchors and comments. The key does not matter, because it can be written in many ways.
var nullValue = regexp.MustCompile(`:(?:\s|#[^\r\n]*|[!&]\S*)*?\s(null|Null|NULL|~)|:(null|Null|NULL|~)`)

// nullAnnotations returns the positions of all nulls that may be the value of `annotations`, with their lengths.
func nullAnnotations(input string) map[int]int {
	nulls := map[int]int{}
	for _, found := range nullValue.FindAllStringSubmatchIndex(input, -1) {
		start, end := found[2], found[3]
		if start < 0 {
			start, end = found[4], found[5]
		}
		nulls[start] = end - start
	}
	return nulls
}

type matcher struct {
	in, out string
	nulls   map[int]int
	// tries limits the search. A correct output needs few.
	tries int
}

// resumption is a position after an insertion from which in[i:] and out[j:] have this many equal bytes.
type resumption struct{ i, j, alike int }

// fits tells whether at most left insertions turn in[i:] into out[j:]. It looks for an insertion where the two first
// differ. An insertion that begins earlier, with bytes that equal the next ones of the input, is equivalent.
// It tries the ends of the insertion in the order of how many equal bytes follow.
func (m *matcher) fits(i, j, left int) bool {
	began := j
	alike := commonPrefix(m.in[i:], m.out[j:])
	i, j = i+alike, j+alike
	if i == len(m.in) && j == len(m.out) {
		return true
	}
	m.tries--
	if left == 0 || m.tries < 0 {
		return false
	}
	// The insertion contains the key: the first key that ends after the difference.
	from := max(began, j-len(kotsPolicy)+1)
	key := strings.Index(m.out[from:], kotsPolicy)
	if key < 0 {
		return false
	}
	first, last := from+key+len(kotsPolicy), len(m.out)
	if next := strings.Index(m.out[first:], kotsPolicy); next >= 0 {
		last = first + next
	}
	sources := []int{i}
	if length, ok := m.nulls[i]; ok {
		sources = append(sources, i+length)
	}
	var resumptions []resumption
	for end := first; end <= last; end++ {
		for _, i := range sources {
			resumptions = append(resumptions, resumption{i, end, commonPrefix(m.in[i:], m.out[end:])})
		}
	}
	slices.SortStableFunc(resumptions, func(a, b resumption) int { return b.alike - a.alike })
	for _, r := range resumptions {
		if m.fits(r.i, r.j, left-1) {
			return true
		}
	}
	return false
}

func commonPrefix(a, b string) int {
	n := 0
	for n < len(a) && n < len(b) && a[n] == b[n] {
		n++
	}
	return n
}

// inOrder tells whether all bytes of the input are in the output, in order, and otherwise the first that is not.
func (m *matcher) inOrder() (int, bool) {
	i := 0
	for j := 0; i < len(m.in); j++ {
		if j == len(m.out) {
			return i, false
		}
		if length, ok := m.nulls[i]; ok && m.in[i] != m.out[j] {
			i += length
			j--
			continue
		}
		if m.in[i] == m.out[j] {
			i++
		}
	}
	return i, true
}
