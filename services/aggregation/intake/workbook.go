package intake

import (
	"archive/zip"
	"bytes"
	"cmp"
	"context"
	"encoding/xml"
	"errors"
	"io"
	"path"
	"strings"
)

const (
	// maxUnpacked is how many bytes a workbook unpacks to at most.
	maxUnpacked = 64 << 20
	// maxParts is how many files a workbook is packed of at most.
	maxParts = 256
)

// Libraries that read workbooks take what they can get: a sheet that was cut off is
// a short one to them, and the number of a text that is not there its text. What is
// counted is read here from its parts, and refused where it does not hold together.

// book is a workbook (ECMA-376).
type book struct {
	*zip.Reader
	sheet    string // the part that its first sheet is in
	main     string // the part that names the sheets
	shared   string // the part of the texts that all sheets share; "": there is none
	styles   string // the part of the styles of cells; "": there is none
	texts    []string
	bound    bound // how much is read of it
	elements int   // how many were
}

// errXML says that a part is not there, or ends before its end.
var errXML = errors.New("a part of a workbook cannot be read")

// openBook finds the first sheet of a workbook, and where the shared texts are.
func openBook(ctx context.Context, content []byte) (*book, error) {
	z, err := zip.NewReader(bytes.NewReader(content), int64(len(content)))
	if err != nil {
		return nil, errXML
	}
	if err := unpackable(z); err != nil {
		return nil, err
	}
	b := &book{Reader: z, bound: opening}
	main, err := b.relations(ctx, "")
	if err != nil {
		return nil, err
	}
	b.main = main["officeDocument"]
	parts, err := b.relations(ctx, b.main)
	if err != nil {
		return nil, err
	}
	b.shared, b.styles = parts["sharedStrings"], parts["styles"]
	b.sheet, err = b.firstSheet(ctx, b.main, parts)
	b.bound = reading
	return b, err
}

// size is how many bytes a part unpacks to; a part that is not there has none.
func (b *book) size(part string) uint64 {
	for _, f := range b.File {
		if f.Name == part {
			return f.UncompressedSize64
		}
	}
	return 0
}

// unpackable looks at what a workbook says it unpacks to, before anything is
// unpacked.
func unpackable(z *zip.Reader) error {
	sum := uint64(0)
	for _, f := range z.File {
		if sum += f.UncompressedSize64; sum > maxUnpacked || f.UncompressedSize64 > maxUnpacked {
			return tooManyBytes.than(maxUnpacked)
		}
	}
	if len(z.File) > maxParts {
		return errFile("部件过多", "it has too many parts")
	}
	return nil
}

// relations are the parts that one names, by the id it names them by, and by their
// kind.
func (b *book) relations(ctx context.Context, part string) (map[string]string, error) {
	all := map[string]string{}
	folder, file := path.Split(part)
	err := b.each(ctx, folder+"_rels/"+file+".rels", "Relationship", func(_ *xml.Decoder, e xml.StartElement) error {
		if len(all) > 2*maxRelations {
			return tooManyRelations.than(maxRelations)
		}
		target, kind := attribute(e, "Target"), attribute(e, "Type")
		if !strings.HasPrefix(target, "/") {
			target = "/" + folder + target
		}
		target = strings.TrimPrefix(path.Clean(target), "/")
		all[attribute(e, "Id")], all[kind[strings.LastIndexByte(kind, '/')+1:]] = target, target
		return nil
	})
	return all, err
}

// firstSheet is the part of the sheet that the workbook names first.
func (b *book) firstSheet(ctx context.Context, part string, parts map[string]string) (string, error) {
	id := ""
	err := b.each(ctx, part, "sheet", func(_ *xml.Decoder, e xml.StartElement) error {
		if id == "" {
			id = attribute(e, "id")
		}
		return nil
	})
	if err == nil && parts[id] == "" {
		err = errXML
	}
	return parts[id], err
}

// textXML is a text, which may be written in runs of letters of one kind.
type textXML struct {
	Whole string `xml:"t"`
	Runs  []struct {
		Text string `xml:"t"`
	} `xml:"r"`
}

func (t *textXML) String() string {
	if t == nil {
		return ""
	}
	var b strings.Builder
	b.WriteString(t.Whole)
	for _, run := range t.Runs {
		b.WriteString(run.Text)
	}
	return b.String()
}

// readTexts reads the texts that all sheets share.
func (b *book) readTexts(ctx context.Context) error {
	if b.shared == "" {
		return nil
	}
	return b.each(ctx, b.shared, "si", func(d *xml.Decoder, e xml.StartElement) error {
		if len(b.texts) == maxTexts {
			return tooManyTexts.than(maxTexts)
		}
		var t textXML
		if err := d.DecodeElement(&t, &e); err != nil {
			return errXML
		}
		b.texts = append(b.texts, t.String())
		return nil
	})
}

// each reads a part to its end, and lets read look at each element of a name. What is
// beyond a bound, or that ctx is done, says its error, whatever read made of it.
func (b *book) each(ctx context.Context, part, name string, read func(*xml.Decoder, xml.StartElement) error) error {
	f, err := b.Open(part)
	if err != nil {
		return errXML
	}
	defer f.Close() // only reads
	tags := &tagReader{Reader: io.LimitReader(f, b.bound.bytes)}
	tokens := &tokenReader{from: xml.NewDecoder(tags), ctx: ctx, most: b.bound.elements, elements: &b.elements}
	for d := xml.NewTokenDecoder(tokens); ; {
		token, err := d.Token()
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return cmp.Or(tags.err, tokens.err, errXML)
		}
		if e, ok := token.(xml.StartElement); ok && e.Name.Local == name {
			if err := read(d, e); err != nil {
				return cmp.Or(tags.err, tokens.err, err)
			}
		}
	}
}

func attribute(e xml.StartElement, name string) string {
	for _, a := range e.Attr {
		if a.Name.Local == name {
			return a.Value
		}
	}
	return ""
}
