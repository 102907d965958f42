package proto_test

import (
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"
)

// spoken are the kinds of files whose words users or developers read. What the
// made-up people of the demo write (*.csv) is theirs.
var spoken = []string{".proto", ".md", ".yaml", ".go", ".html"}

// TestOneWordForOneThing holds the words of the repository against the table in
// docs/glossary.md.
func TestOneWordForOneThing(t *testing.T) {
	rejected, files := rejectedWords(t), 0
	for _, root := range []string{"api", "../docs", "../gateway", "../services", "../README.md", "../README.zh-CN.md", "../CHANGELOG.md", "../CONTRIBUTING.md"} {
		err := filepath.WalkDir(root, func(path string, d fs.DirEntry, err error) error {
			if err != nil || d.IsDir() || !slices.Contains(spoken, filepath.Ext(path)) || unspoken(path) {
				return err
			}
			files++
			text, err := os.ReadFile(path)
			if err != nil {
				return err
			}
			for word, term := range rejected {
				if line, _, ok := strings.Cut(string(text), word); ok {
					t.Errorf("%s:%d says %s: the glossary has %s", path, 1+strings.Count(line, "\n"), word, term)
				}
			}
			return nil
		})
		if err != nil {
			t.Fatal(err)
		}
	}
	if files < 200 {
		t.Errorf("%d files were read, which cannot be all", files)
	}
}

// unspoken are the glossary itself, tests, and what is generated.
func unspoken(path string) bool {
	path = filepath.ToSlash(path)
	return strings.HasSuffix(path, "docs/glossary.md") || strings.HasSuffix(path, "_test.go") || strings.Contains(path, "/gen/")
}

var row = regexp.MustCompile(`(?m)^\| ([^|]+) \| ([^|]+) \| [^|]+ \| ([^|]+) \|$`)

// rejectedWords are those of the glossary's last column, each with the term that
// stands for it.
func rejectedWords(t *testing.T) map[string]string {
	t.Helper()
	table, err := os.ReadFile("../docs/glossary.md")
	if err != nil {
		t.Fatal(err)
	}
	words, terms := map[string]string{}, map[string]bool{}
	for _, cells := range row.FindAllStringSubmatch(string(table), -1)[1:] {
		words[cells[3]] = strings.TrimPrefix(words[cells[3]]+" or "+cells[2]+" ("+cells[1]+")", " or ")
		for term := range strings.SplitSeq(cells[2], "、") {
			terms[term] = true
		}
	}
	if len(words) < 20 {
		t.Fatalf("the glossary has %d words to refuse, which cannot be all", len(words))
	}
	for word := range words {
		if terms[word] {
			t.Errorf("the glossary both has and refuses %s", word)
		}
	}
	return words
}
