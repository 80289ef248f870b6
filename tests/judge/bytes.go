package main

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
)

// lostBytes tells whether any byte of the input is missing, moved or replaced in the output, or "".
//
// The output must be the input with at most as many pieces put in as there are annotations to add, each of them with
// the annotation's key in it. Only where the document has anchors a rewrite may take more pieces (a mapping moved to the
// right, braces around an alias); there it is enough that the input's bytes are all there in order.
// The one thing that may go is a null that a default policy's mapping replaces.
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

// A value that is a null, after tags, anchors and comments. Of which key is not asked: that can be written in many ways, and
// a null goes only where the annotation takes its place.
var nullValue = regexp.MustCompile(`:(?:\s|#[^\r\n]*|[!&]\S*)*?\s(null|Null|NULL|~)|:(null|Null|NULL|~)`)

// nullAnnotations maps the place of each null that may be an annotations' value to its length.
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
	// tries bounds the search; the right output never needs many.
	tries int
}

// resumption is a place where, after an insertion, in[i:] and out[j:] go on alike for so many bytes.
type resumption struct{ i, j, alike int }

// fits: in[i:] becomes out[j:] by at most left insertions. An insertion is looked for where the two first differ: one that
// begins earlier, with bytes that happen to be the input's next ones, is the same as one that begins there.
// Where it ends is tried in the order of how far the two go on alike.
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
	// It has the key in it once: the first one that is not over before the two differ.
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

// inOrder: the input's bytes are all in the output, in order. If not, where the first one is that is not.
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
