package media_test

import (
	"bytes"
	"encoding/binary"
	"hash/crc32"
	"image"
	"image/color/palette"
	"image/gif"
	"image/jpeg"
	"image/png"
	"io"
	"math/rand/v2"
	"testing"

	"github.com/duban-project/duban/services/internal/media"
)

// photo is a picture of noise, so that every byte may come up in it.
func photo() *image.Paletted {
	p, noise := image.NewPaletted(image.Rect(0, 0, 64, 48), palette.Plan9), rand.NewChaCha8([32]byte{1})
	if _, err := noise.Read(p.Pix); err != nil {
		panic(err)
	}
	return p
}

func encoded(t *testing.T, write func(io.Writer) error) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := write(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}

// pictures are some of each type, as encoders write them or made by hand.
func pictures(t *testing.T) map[string][]byte {
	t.Helper()
	small := encoded(t, func(w io.Writer) error { return jpeg.Encode(w, image.NewGray(image.Rect(0, 0, 2, 2)), nil) })
	large := encoded(t, func(w io.Writer) error { return jpeg.Encode(w, photo(), nil) })
	shown := append([]byte("\xff\xd8\xff\xe1"), byte((len(small)+2)>>8), byte(len(small)+2)) // one with a small one in it
	return map[string][]byte{
		"png":  encoded(t, func(w io.Writer) error { return png.Encode(w, photo()) }),
		"jpeg": large, "jpeg with a preview": append(append(shown, small...), large[2:]...),
		"gif": encoded(t, func(w io.Writer) error {
			return gif.EncodeAll(w, &gif.GIF{Image: []*image.Paletted{photo(), photo()}, Delay: []int{1, 1}})
		}),
		"webp": []byte("RIFF\x16\x00\x00\x00WEBPVP8 \x0a\x00\x00\x00\x10\x02\x00\x9d\x01\x2a\x01\x00\x01\x00"),
		"bmp":  append([]byte("BM\x1e\x00\x00\x00\x00\x00\x00\x00\x1a\x00\x00\x00\x28\x00\x00\x00\x01\x00\x01\x00\x01\x00\x18\x00"), 1, 2, 3, 0),
		"heic": []byte(ftyp("heic") + "\x00\x00\x00\x0cmdatabcd" + "\x00\x00\x00\x01mdat\x00\x00\x00\x00\x00\x00\x00\x12ab"),
	}
}

// A picture is whole, and none of its beginnings is, but for one that ends between two
// boxes.
func TestAPictureThatIsCutOffIsNotWhole(t *testing.T) {
	for name, content := range pictures(t) {
		kind := media.Type(content)
		if kind == "" || !media.Whole(kind, content) {
			t.Errorf("%s, a %q: it is not whole", name, kind)
		}
		for n := range content {
			if media.Whole(kind, content[:n]) && !(kind == media.HEIC && n == 44) {
				t.Errorf("%s: %d of %d bytes are taken for all of it", name, n, len(content))
			}
		}
	}
}

// What cameras write behind the end is no matter; what is damaged within a PNG is, and
// a picture without anything drawn is none.
func TestWhereAPictureEnds(t *testing.T) {
	all := pictures(t)
	for _, name := range []string{"png", "jpeg", "gif", "webp", "bmp"} {
		if content := all[name]; !media.Whole(media.Type(content), append(bytes.Clone(content), "\x00trailer\xff"...)) {
			t.Errorf("%s with more behind its end is not whole", name)
		}
	}
	damaged := bytes.Clone(all["png"])
	damaged[len(damaged)/2] ^= 1
	for name, content := range map[string][]byte{
		"an empty HEIC": []byte(ftyp("heic")), "one without a length": []byte(ftyp("heic") + "\x00\x00\x00\x00free"),
		"a damaged PNG": damaged, "an empty PNG": append(bytes.Clone(all["png"][:33]), all["png"][len(all["png"])-12:]...),
		"an empty JPEG": []byte("\xff\xd8\xff\xe0\x00\x02\xff\xd9"), "an empty GIF": []byte("GIF89a\x01\x00\x01\x00\x00\x00\x00\x3b"),
	} {
		if kind := media.Type(content); kind == "" || media.Whole(kind, content) {
			t.Errorf("%s, a %q, is whole", name, kind)
		}
	}
	if !media.Whole(media.TIFF, []byte("II*\x00")) || !media.Whole(media.Text, nil) {
		t.Error("what says nowhere where it ends is refused")
	}
}

// However large a picture says that it is, looking for its end takes no room.
func TestAHugePictureTakesNoMemory(t *testing.T) {
	huge := pictures(t)["png"]
	binary.BigEndian.PutUint32(huge[16:], 20_000)
	binary.BigEndian.PutUint32(huge[20:], 20_000)
	binary.BigEndian.PutUint32(huge[29:], crc32.ChecksumIEEE(huge[12:29]))
	if n := testing.AllocsPerRun(10, func() {
		if !media.Whole(media.PNG, huge) {
			t.Error("it is not whole")
		}
	}); n > 0 {
		t.Errorf("%v allocations", n)
	}
}

// Whatever stands in a file, looking for its end comes to one.
func FuzzWhole(f *testing.F) {
	f.Add("\x89PNG\r\n\x1a\n\xff\xff\xff\xffIDAT")
	f.Add("\xff\xd8\xff\xda\x00\x00")
	f.Add("GIF89a\x01\x00\x01\x00\x80\x00\x00\x2c")
	f.Add("\x00\x00\x00\x01ftypheic\xff\xff\xff\xff")
	f.Fuzz(func(_ *testing.T, content string) {
		for _, kind := range []string{media.PNG, media.JPEG, media.GIF, media.WebP, media.BMP, media.HEIC} {
			media.Whole(kind, []byte(content))
		}
	})
}
