package file

import (
	"bytes"
	"context"
	"crypto/md5"
	"encoding/binary"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"

	"venuecast/aac"
	"venuecast/flv"
	"venuecast/h264"
	"venuecast/internal/tooltest"
)

// tool runs ffmpeg or ffprobe, which must have nothing to complain about.
func tool(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tooltest.Path(t, name), append([]string{"-v", "error"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return out
}

// source makes a recording of a test picture and a tone, with B pictures and a
// rate whose pictures are no whole milliseconds. more is for its video encoder.
func source(t *testing.T, dir string, seconds float64, more ...string) string {
	t.Helper()
	path := filepath.Join(dir, "source.nut")
	args := []string{"-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001", "-f", "lavfi", "-i", "sine=r=48000:f=440",
		"-t", fmt.Sprint(seconds), "-c:v", "libx264", "-preset", "veryfast", "-bf", "3", "-g", "30", "-pix_fmt", "yuv420p"}
	args = append(args, more...)
	tool(t, "ffmpeg", append(args, "-c:a", "aac", "-b:a", "64k", "-ac", "2", "-y", path)...)
	return path
}

// A packet is what ffprobe says of one, edit lists followed.
type packet struct {
	pts, dts  time.Duration
	discarded bool
	sum       string
}

func probe(t *testing.T, file, stream string) (packets []packet) {
	t.Helper()
	var out struct {
		Packets []struct {
			PTS   string `json:"pts_time"`
			DTS   string `json:"dts_time"`
			Flags string `json:"flags"`
			Hash  string `json:"data_hash"`
		} `json:"packets"`
	}
	b := tool(t, "ffprobe", "-select_streams", stream, "-show_packets", "-show_data_hash", "md5", "-of", "json", file)
	if err := json.Unmarshal(b, &out); err != nil {
		t.Fatal(err)
	}
	seconds := func(s string) time.Duration {
		v, err := strconv.ParseFloat(s, 64)
		if err != nil {
			t.Fatalf("%s: %v", file, err)
		}
		return time.Duration(v * 1e9)
	}
	for _, p := range out.Packets {
		packets = append(packets, packet{seconds(p.PTS), seconds(p.DTS), strings.Contains(p.Flags, "D"), strings.TrimPrefix(p.Hash, "MD5:")})
	}
	return packets
}

// pictureSums is the checksum of every picture that ffmpeg decodes from file;
// before are arguments before its name.
func pictureSums(t *testing.T, file string, before ...string) (sums []string) {
	t.Helper()
	args := append(before, "-i", file, "-map", "0:v", "-fps_mode", "passthrough", "-autoscale", "0", "-f", "framemd5", "-")
	for line := range strings.Lines(string(tool(t, "ffmpeg", args...))) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(strings.TrimSpace(line), ",")
			sums = append(sums, strings.TrimSpace(fields[len(fields)-1]))
		}
	}
	return sums
}

// heard is a frame of sound as it was given, and when.
type heard struct {
	dts, given time.Duration
	config     aac.Config
	sum        string
}

// A show is all that a source gave.
type show struct {
	pictures []shot
	frames   []heard
	order    []time.Duration // DTS of both, as they came
	tags     []flv.Tag       // the pictures
	warnings []string
	err      error
}

// watch plays a file in virtual time, until its end or n pictures.
func watch(t *testing.T, cfg Config, sound bool, n int) (s show) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		log, hook := logtest.NewNullLogger()
		epoch := time.Now()
		src, err := New(cfg, 0, epoch, log)
		if err != nil {
			t.Fatal(err)
		}
		if sound {
			src.TakeAudio(func(f *aac.Frame) {
				sum := md5.Sum(f.Data)
				s.frames = append(s.frames, heard{f.DTS, time.Since(epoch), f.Config, hex.EncodeToString(sum[:])})
				s.order = append(s.order, f.DTS)
			})
		}
		var m flv.VideoMuxer
		ctx, cancel := context.WithCancel(t.Context())
		defer cancel()
		s.err = src.Run(ctx, func(au *h264.AccessUnit) {
			s.pictures = append(s.pictures, shot{au.DTS, au.PTS, time.Since(epoch), au.Keyframe, string(au.NALUs[len(au.NALUs)-1])})
			s.order = append(s.order, au.DTS)
			var err error
			if s.tags, err = m.Mux(s.tags, au); err != nil {
				t.Error(err)
			}
			if len(s.pictures) == n {
				cancel()
			}
		})
		for _, e := range hook.AllEntries() {
			line := e.Message
			if err, ok := e.Data[logrus.ErrorKey]; ok {
				line += fmt.Sprintf(": %v", err)
			}
			s.warnings = append(s.warnings, line)
		}
	})
	return s
}

// save writes the pictures to a file.
func (s *show) save(t *testing.T) string {
	t.Helper()
	var b bytes.Buffer
	w := flv.NewWriter(&b, false, true)
	for _, tag := range s.tags {
		if err := w.WriteTag(tag); err != nil {
			t.Fatal(err)
		}
	}
	return write(t, "played.flv", b.Bytes())
}

// near holds a time to what it shall be: ffprobe gives microseconds.
func near(a, b time.Duration) bool { return (a - b).Abs() < 5*time.Microsecond }

// compare holds what was played to what ffprobe says of the file: every
// picture, and the sound that belongs to them, at their times.
func (s *show) compare(t *testing.T, file string) {
	t.Helper()
	if s.err != nil || len(s.pictures) == 0 {
		t.Fatalf("%d pictures, %v", len(s.pictures), s.err)
	}
	video := probe(t, file, "v:0")
	if len(s.pictures) != len(video) {
		t.Fatalf("%d pictures, the file has %d", len(s.pictures), len(video))
	}
	zero := s.pictures[0].pts - video[0].pts
	for i, p := range s.pictures {
		if !near(p.pts-zero, video[i].pts) {
			t.Fatalf("picture %d is shown at %v, ffprobe says %v", i, p.pts-zero, video[i].pts)
		}
		if !near(p.dts-s.pictures[0].dts, video[i].dts-video[0].dts) || p.dts > p.pts || p.given != p.dts {
			t.Fatalf("picture %d: DTS %v, PTS %v, given at %v", i, p.dts, p.pts, p.given)
		}
	}
	var want []packet
	last := len(video) - 1
	end := s.pictures[last].dts + (video[last].dts - video[last-1].dts) - s.pictures[0].dts + video[0].pts
	for _, p := range probe(t, file, "a:0") {
		if !p.discarded && p.pts >= video[0].pts-slack && p.pts+frameLength(aac.Config{SampleRate: 48000}) <= end+slack+5*time.Microsecond {
			want = append(want, p)
		}
	}
	if len(s.frames) != len(want) || len(want) == 0 {
		t.Fatalf("%d frames of sound, want %d", len(s.frames), len(want))
	}
	for i, f := range s.frames {
		if !near(f.dts-zero, want[i].pts) || f.sum != want[i].sum {
			t.Fatalf("frame %d is heard at %v, ffprobe says %v (sums %s, %s)", i, f.dts-zero, want[i].pts, f.sum, want[i].sum)
		}
		if f.given != f.dts {
			t.Fatalf("frame %d of %v given at %v", i, f.dts, f.given)
		}
		if want := (aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 48000, ChannelConfig: 2}); f.config != want {
			t.Fatalf("frame %d is %+v", i, f.config)
		}
	}
	if !slices.IsSorted(s.order) {
		t.Error("pictures and sound do not come in the order of their DTS")
	}
}

// TestMP4 plays what ffmpeg makes of one recording, by every way it has to lay
// out an MP4 file.
func TestMP4(t *testing.T) {
	dir := t.TempDir()
	src := source(t, dir, 4)
	want := pictureSums(t, src)
	for name, args := range map[string][]string{
		"progressive.mp4":   {"-i", src, "-c", "copy"},
		"faststart.mp4":     {"-i", src, "-c", "copy", "-movflags", "+faststart"},
		"negative.mp4":      {"-i", src, "-c", "copy", "-movflags", "+negative_cts_offsets"},
		"noedits.mp4":       {"-i", src, "-c", "copy", "-use_editlist", "0"},
		"timescale.mp4":     {"-i", src, "-c", "copy", "-video_track_timescale", "90000"},
		"keyframe.mp4":      {"-i", src, "-c", "copy", "-movflags", "+frag_keyframe"},
		"empty.mp4":         {"-i", src, "-c", "copy", "-movflags", "+frag_keyframe+empty_moov"},
		"base.m4v":          {"-i", src, "-c", "copy", "-f", "mp4", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"},
		"omitted.mp4":       {"-i", src, "-c", "copy", "-movflags", "+frag_keyframe+empty_moov+omit_tfhd_offset"},
		"delayed.mp4":       {"-i", src, "-c", "copy", "-movflags", "+frag_keyframe+delay_moov"},
		"separate.mp4":      {"-i", src, "-c", "copy", "-movflags", "+frag_keyframe+empty_moov+separate_moof"},
		"small.mp4":         {"-i", src, "-c", "copy", "-movflags", "+empty_moov+default_base_moof", "-frag_size", "6000"},
		"short.mp4":         {"-i", src, "-c", "copy", "-movflags", "+empty_moov", "-frag_duration", "150000"},
		"dash.mp4":          {"-i", src, "-c", "copy", "-movflags", "+dash+global_sidx+frag_keyframe"},
		"quicktime.mov":     {"-i", src, "-c", "copy"},
		"fragquicktime.mov": {"-i", src, "-c", "copy", "-movflags", "+frag_keyframe+empty_moov"},
		"latesound.mp4":     {"-i", src, "-itsoffset", "0.5", "-i", src, "-map", "0:v", "-map", "1:a", "-c", "copy"},
		"earlysound.mp4":    {"-i", src, "-itsoffset", "-0.3", "-i", src, "-map", "0:v", "-map", "1:a", "-c", "copy"},
		"latepicture.mp4":   {"-i", src, "-itsoffset", "0.7", "-i", src, "-map", "1:v", "-map", "0:a", "-c", "copy"},
		"latefragments.mp4": {"-i", src, "-itsoffset", "0.7", "-i", src, "-map", "1:v", "-map", "0:a", "-c", "copy", "-movflags", "+frag_keyframe+delay_moov"},
		"sound first.mp4":   {"-i", src, "-map", "0:a", "-map", "0:v", "-c", "copy"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			tool(t, "ffmpeg", append(args, "-y", path)...)
			s := watch(t, Config{Path: path}, true, 0)
			s.compare(t, path)
			if len(s.warnings) > 0 {
				t.Errorf("warned: %q", s.warnings)
			}
			if got := pictureSums(t, s.save(t)); !slices.Equal(got, want) {
				t.Errorf("%d pictures decode, want the %d of the source", len(got), len(want))
			}
			for i, p := range s.pictures {
				if p.keyframe != (i%30 == 0) {
					t.Errorf("picture %d: keyframe %v", i, p.keyframe)
				}
			}
		})
	}
}

// TestMP4NegativeOffsets: in fragments, ffprobe shows the pictures of such a
// file later than it says, and the sound not.
func TestMP4NegativeOffsets(t *testing.T) {
	dir := t.TempDir()
	src, path := source(t, dir, 4), filepath.Join(dir, "negative.mp4")
	tool(t, "ffmpeg", "-i", src, "-c", "copy", "-movflags", "+frag_keyframe+empty_moov+default_base_moof+negative_cts_offsets", path)
	s := watch(t, Config{Path: path}, true, 0)
	if s.err != nil || len(s.pictures) != 120 || len(s.frames) < 185 {
		t.Fatalf("%d pictures, %d frames, %v", len(s.pictures), len(s.frames), s.err)
	}
	if d := s.frames[0].dts - s.pictures[0].pts; d != 0 { // the file has both at 0
		t.Errorf("the sound begins %v behind the picture", d)
	}
	for i, p := range s.pictures {
		if p.pts < p.dts {
			t.Fatalf("picture %d is shown %v before it is decoded", i, p.dts-p.pts)
		}
	}
	if got, want := pictureSums(t, s.save(t)), pictureSums(t, src); !slices.Equal(got, want) {
		t.Errorf("%d pictures decode, want the %d of the source", len(got), len(want))
	}
}

// TestMP4CutBetweenKeyframes plays a file whose edit list begins in the middle
// of a group of pictures, and one whose edit list ends before the media does.
func TestMP4CutBetweenKeyframes(t *testing.T) {
	dir := t.TempDir()
	src := source(t, dir, 4)
	whole := filepath.Join(dir, "whole.mp4")
	tool(t, "ffmpeg", "-i", src, "-c", "copy", whole)

	path := filepath.Join(dir, "cut.mp4")
	tool(t, "ffmpeg", "-ss", "1.4", "-i", whole, "-c", "copy", path)
	s := watch(t, Config{Path: path}, true, 0)
	if s.err != nil || len(s.pictures) != 90 || len(s.frames) < 100 {
		t.Fatalf("%d pictures, %d frames, %v; want the 90 pictures from the keyframe on", len(s.pictures), len(s.frames), s.err)
	}
	// ffprobe moves the first picture behind the cut to the cut, so what they
	// are held to is the whole file.
	pictures, sound := probe(t, whole, "v:0"), make(map[string]time.Duration)
	for _, p := range probe(t, whole, "a:0") {
		sound[p.sum] = p.pts
	}
	zero := s.pictures[0].pts - pictures[30].pts
	for i, p := range s.pictures {
		if !near(p.pts-zero, pictures[30+i].pts) {
			t.Fatalf("picture %d is shown at %v, in the whole file at %v", i, p.pts-zero, pictures[30+i].pts)
		}
	}
	for i, f := range s.frames {
		if want, ok := sound[f.sum]; !ok || (f.dts-zero-want).Abs() > time.Millisecond {
			t.Fatalf("frame %d is heard at %v, in the whole file at %v (%v)", i, f.dts-zero, want, ok)
		}
	}
	if at := s.frames[0].dts - zero; at < 1400*time.Millisecond || at > 1425*time.Millisecond {
		t.Errorf("the sound begins at %v, want the cut at 1.4 s", at)
	}
	if want := "its edit list begins between keyframes; playing from the one before"; len(s.warnings) != 1 || s.warnings[0] != want {
		t.Errorf("warned %q, want %q", s.warnings, want)
	}
	if got, want := pictureSums(t, s.save(t)), pictureSums(t, src); !slices.Equal(got, want[30:]) {
		t.Errorf("%d pictures decode, want the %d from the keyframe on", len(got), len(want)-30)
	}

	// Two of its four seconds, by the last entry of both tracks' edit lists.
	b, err := os.ReadFile(whole)
	if err != nil {
		t.Fatal(err)
	}
	for at := 0; ; {
		i := bytes.Index(b[at:], []byte("elst"))
		if i < 0 {
			break
		}
		at += i + 4
		last := at + 8 + 12*(int(binary.BigEndian.Uint32(b[at+4:]))-1)
		binary.BigEndian.PutUint32(b[last:], 2000)
	}
	s = watch(t, Config{Path: write(t, "short.mp4", b)}, true, 0)
	if s.err != nil || len(s.pictures) == 0 {
		t.Fatalf("%d pictures, %v", len(s.pictures), s.err)
	}
	var shown int
	zero = s.pictures[0].pts
	for _, p := range s.pictures {
		if p.pts-zero < 2*time.Second {
			shown++
		}
	}
	if shown != 60 || len(s.pictures) > 62 {
		t.Errorf("%d pictures, %d of them in two seconds; want all 60, and at most what they refer to", len(s.pictures), shown)
	}
	if len(s.frames) == 0 {
		t.Fatal("no sound")
	}
	if last := s.frames[len(s.frames)-1].dts - zero; last > 2*time.Second || last < 1950*time.Millisecond {
		t.Errorf("the last sound at %v", last)
	}
}

// TestMP4OpenGOP: where playing begins at an I picture that is not IDR, the
// pictures that are shown before it refer to others that are not played.
func TestMP4OpenGOP(t *testing.T) {
	dir := t.TempDir()
	src := source(t, dir, 4, "-x264-params", "open-gop=1:b-adapt=0")
	whole, path := filepath.Join(dir, "whole.mp4"), filepath.Join(dir, "cut.mp4")
	tool(t, "ffmpeg", "-i", src, "-c", "copy", whole)
	tool(t, "ffmpeg", "-ss", "1.4", "-i", whole, "-c", "copy", path)
	s := watch(t, Config{Path: path}, true, 0)
	if s.err != nil || len(s.pictures) < 80 || !s.pictures[0].keyframe {
		t.Fatalf("%d pictures, %v", len(s.pictures), s.err)
	}
	for i, p := range s.pictures[1:] {
		if p.pts <= s.pictures[0].pts {
			t.Errorf("picture %d is shown at %v, before the keyframe at %v", i+1, p.pts, s.pictures[0].pts)
		}
	}
	want := pictureSums(t, src)
	if got := pictureSums(t, s.save(t)); len(got) < 80 || !slices.Equal(got, want[len(want)-len(got):]) {
		t.Errorf("%d pictures decode, and not as the source's last ones", len(got))
	}
}

// TestMP4ParameterSetsChange plays pictures of one size behind those of
// another.
func TestMP4ParameterSetsChange(t *testing.T) {
	dir := t.TempDir()
	var list string
	for i, size := range []string{"320x180", "256x144", "320x180"} {
		name := fmt.Sprintf("%d.mp4", i)
		tool(t, "ffmpeg", "-f", "lavfi", "-i", "testsrc2=s="+size+":r=25:d=1", "-c:v", "libx264", "-preset", "veryfast",
			"-pix_fmt", "yuv420p", filepath.Join(dir, name))
		list += "file " + name + "\n"
	}
	all, path := filepath.Join(dir, "list"), filepath.Join(dir, "all.mp4")
	if err := os.WriteFile(all, []byte(list), 0o600); err != nil {
		t.Fatal(err)
	}
	tool(t, "ffmpeg", "-f", "concat", "-i", all, "-c", "copy", path)
	s := watch(t, Config{Path: path}, false, 0)
	if s.err != nil || len(s.pictures) != 75 {
		t.Fatalf("%d pictures, %v", len(s.pictures), s.err)
	}
	headers := 0
	for _, tag := range s.tags {
		if tag.Header {
			headers++
		}
	}
	if headers != 3 {
		t.Errorf("%d sequence headers, want 3", headers)
	}
	if got, want := pictureSums(t, s.save(t)), pictureSums(t, path); !slices.Equal(got, want) || len(got) != 75 {
		t.Errorf("%d pictures decode, want %d", len(got), len(want))
	}
}

// TestLoopKeepsSoundAndPictureTogether plays a short file a thousand times.
func TestLoopKeepsSoundAndPictureTogether(t *testing.T) {
	dir := t.TempDir()
	src := source(t, dir, 0.5)
	const rounds, pictures = 1000, 15
	for name, args := range map[string][]string{
		"loop.mp4":     {"-i", src, "-c", "copy"},
		"loop.flv":     {"-i", src, "-c", "copy"},
		"fragment.mp4": {"-i", src, "-c", "copy", "-movflags", "+frag_keyframe+empty_moov+default_base_moof"},
		"late.mp4":     {"-i", src, "-itsoffset", "0.1", "-i", src, "-map", "0:v", "-map", "1:a", "-c", "copy"},
		"long.mp4":     {"-i", src, "-stream_loop", "3", "-i", src, "-map", "0:v", "-map", "1:a", "-c", "copy"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			tool(t, "ffmpeg", append(args, path)...)
			s := watch(t, Config{Path: path, Loop: true}, true, rounds*pictures)
			if s.err != nil || len(s.pictures) != rounds*pictures || len(s.warnings) > 0 {
				t.Fatalf("%d pictures, %v, %q", len(s.pictures), s.err, s.warnings)
			}
			if !slices.IsSorted(s.order) {
				t.Error("pictures and sound do not come in the order of their DTS")
			}
			once := watch(t, Config{Path: path}, true, 0)
			length := s.pictures[pictures].dts - s.pictures[0].dts
			if want := pictures * time.Second * 1001 / 30000; (length - want).Abs() > 2*time.Millisecond { // FLV
				t.Errorf("a round lasts %v, want %v", length, want)
			}
			for i, p := range s.pictures {
				first := once.pictures[i%pictures]
				want := first.dts + time.Duration(i/pictures)*length
				if p.dts != want || p.pts-p.dts != first.pts-first.dts || p.given != p.dts || p.keyframe != (i%pictures == 0) {
					t.Fatalf("picture %d: DTS %v, PTS %v, given at %v, keyframe %v; want DTS %v", i, p.dts, p.pts, p.given, p.keyframe, want)
				}
			}
			frames := len(once.frames)
			if n := len(s.frames); n < (rounds-1)*frames || n > rounds*frames || frames < 18 {
				t.Fatalf("%d frames of sound in %d rounds of %d", n, rounds, frames)
			}
			for i, f := range s.frames {
				want := once.frames[i%frames].dts + time.Duration(i/frames)*length
				if f.dts != want || f.sum != once.frames[i%frames].sum || f.given != f.dts {
					t.Fatalf("frame %d at %v, given at %v, want %v", i, f.dts, f.given, want)
				}
				if i > 0 && f.dts < s.frames[i-1].dts+frameLength(f.config)-2*slack {
					t.Fatalf("frame %d at %v sounds into the one before at %v", i, f.dts, s.frames[i-1].dts)
				}
			}
		})
	}
}

// TestFLVSound holds the sound of FLV to what ffprobe says of it.
func TestFLVSound(t *testing.T) {
	dir := t.TempDir()
	src, path := source(t, dir, 4), filepath.Join(dir, "x.flv")
	tool(t, "ffmpeg", "-i", src, "-c", "copy", path)
	s := watch(t, Config{Path: path}, true, 0)
	s.compare(t, path)
	silent := watch(t, Config{Path: path}, false, 0)
	if len(silent.frames) != 0 || len(silent.pictures) != len(s.pictures) {
		t.Errorf("nobody took the sound: %d frames, %d pictures", len(silent.frames), len(silent.pictures))
	}
}

// TestSoundThatIsNotPlayed: the picture is, and what the sound is gets said,
// once in all rounds, and to those only who asked for it.
func TestSoundThatIsNotPlayed(t *testing.T) {
	dir := t.TempDir()
	src := source(t, dir, 0.5)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"mp3.mp4":  {[]string{"-c:v", "copy", "-c:a", "libmp3lame"}, noAAC + ": it is MP3 (mp4a.6b)"},
		"opus.mp4": {[]string{"-c:v", "copy", "-c:a", "libopus"}, noAAC + ": it is Opus (Opus)"},
		"ac3.mp4":  {[]string{"-c:v", "copy", "-c:a", "ac3"}, noAAC + ": it is AC-3 (ac-3)"},
		"pcm.mov":  {[]string{"-c:v", "copy", "-c:a", "pcm_s16le"}, noAAC + ": it is PCM (sowt)"},
		"none.mp4": {[]string{"-c:v", "copy", "-an"}, noSound},
		"mp3.flv":  {[]string{"-c:v", "copy", "-c:a", "libmp3lame", "-ar", "44100"}, noAAC + ": it is MP3"},
		"none.flv": {[]string{"-c:v", "copy", "-an"}, noSound},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			tool(t, "ffmpeg", append(append([]string{"-i", src}, test.args...), path)...)
			s := watch(t, Config{Path: path, Loop: true}, true, 100)
			if s.err != nil || len(s.pictures) != 100 || len(s.frames) != 0 {
				t.Errorf("%d pictures, %d frames, %v", len(s.pictures), len(s.frames), s.err)
			}
			if len(s.warnings) != 1 || s.warnings[0] != test.want {
				t.Errorf("warned %q, want %q", s.warnings, test.want)
			}
			if s := watch(t, Config{Path: path}, false, 0); len(s.warnings) != 0 {
				t.Errorf("nobody asked for the sound, and it warns %q", s.warnings)
			}
		})
	}
}

// TestMP4WithoutOurVideo: the error says what there is instead.
func TestMP4WithoutOurVideo(t *testing.T) {
	dir := t.TempDir()
	src := source(t, dir, 0.5)
	for name, test := range map[string]struct {
		args []string
		want string
	}{
		"hevc.mp4":    {[]string{"-an", "-c:v", "libx265", "-x265-params", "log-level=error", "-tag:v", "hvc1"}, "its video is HEVC (hvc1), want H.264"},
		"hev1.mp4":    {[]string{"-an", "-c:v", "libx265", "-x265-params", "log-level=error"}, "its video is HEVC (hev1), want H.264"},
		"vp9.mp4":     {[]string{"-an", "-c:v", "libvpx-vp9", "-deadline", "realtime"}, "its video is VP9 (vp09), want H.264"},
		"mpeg4.mp4":   {[]string{"-an", "-c:v", "mpeg4"}, "its video is MPEG-4 Visual (mp4v), want H.264"},
		"prores.mov":  {[]string{"-an", "-c:v", "prores"}, "its video is ProRes (apcn), want H.264"},
		"sound.mp4":   {[]string{"-vn", "-c:a", "copy"}, "there is no video in it, only sound: AAC (mp4a)"},
		"mp3.mp4":     {[]string{"-vn", "-c:a", "libmp3lame"}, "there is no video in it, only sound: MP3 (mp4a.6b)"},
		"encrypt.mp4": {[]string{"-c", "copy", "-encryption_scheme", "cenc-aes-ctr", "-encryption_key", "00112233445566778899aabbccddeeff", "-encryption_kid", "00112233445566778899aabbccddeeff"}, "its video is encrypted (encv), want H.264 in the clear"},
		"mjpeg.flv":   {[]string{"-an", "-c:v", "flv1"}, "its video is codec 2, want H.264"},
	} {
		t.Run(name, func(t *testing.T) {
			path := filepath.Join(dir, name)
			tool(t, "ffmpeg", append(append([]string{"-i", src}, test.args...), path)...)
			s := watch(t, Config{Path: path}, true, 0)
			if s.err == nil || !strings.HasSuffix(s.err.Error(), name+": "+test.want) || len(s.pictures) > 0 {
				t.Errorf("%d pictures, error %v; want %q", len(s.pictures), s.err, test.want)
			}
		})
	}
}

// TestMP4CutOff plays what is left of recordings that lost their end.
func TestMP4CutOff(t *testing.T) {
	dir := t.TempDir()
	src := source(t, dir, 4)
	make := func(name string, flags string) []byte {
		path := filepath.Join(dir, name)
		tool(t, "ffmpeg", "-i", src, "-c", "copy", "-movflags", flags, path)
		b, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		return b
	}
	progressive := make("progressive.mp4", "+use_metadata_tags")
	fast := make("fast.mp4", "+faststart")
	fragmented := make("fragmented.mp4", "+frag_keyframe+empty_moov+default_base_moof")
	for name, test := range map[string]struct {
		file    []byte
		want    string // of the error
		atLeast int    // pictures
	}{
		"the index was not written":    {progressive[:len(progressive)*3/4], "it has no index (moov box): the recording was cut off before it was finished", 0},
		"cut off in the index":         {progressive[:len(progressive)-100], "its index (moov box) is cut off", 0},
		"a copy that is not complete":  {fast[:len(fast)*3/4], "", 80},
		"only the beginning":           {fast[:34], "it has no index (moov box) and no media", 0},
		"fragments, cut off":           {fragmented[:len(fragmented)*3/4], "", 80},
		"fragments, and zeros":         {append(slices.Clone(fragmented[:len(fragmented)*3/4]), make0(1<<16)...), "", 80},
		"fragments, none of them":      {fragmented[:bytes.Index(fragmented, []byte("moof"))-4], "no H.264 picture in it", 0},
		"fragments without the header": {fragmented[bytes.Index(fragmented, []byte("moof"))-4:], "it has no index (moov box)", 0},
		"text":                         {[]byte("this is no MP4 file at all"), "this is no MP4 file", 0},
		"empty":                        {nil, "this is no MP4 file", 0},
	} {
		t.Run(name, func(t *testing.T) {
			s := watch(t, Config{Path: write(t, "x.mp4", test.file)}, true, 0)
			switch {
			case test.want != "":
				if s.err == nil || !strings.Contains(s.err.Error(), test.want) || len(s.pictures) > 0 {
					t.Errorf("%d pictures, error %v; want %q", len(s.pictures), s.err, test.want)
				}
			case s.err != nil || len(s.pictures) < test.atLeast || len(s.frames) < test.atLeast:
				t.Errorf("%d pictures, %d frames, %v; want at least %d", len(s.pictures), len(s.frames), s.err, test.atLeast)
			case len(s.warnings) == 0 || !strings.HasPrefix(s.warnings[0], cutOff):
				t.Errorf("warned %q, want %q", s.warnings, cutOff)
			default:
				want := pictureSums(t, src)
				got := pictureSums(t, s.save(t))
				if n := len(got) - 5; n < 0 || !slices.Equal(got[:n], want[:n]) {
					t.Error("other pictures than the source's")
				}
			}
		})
	}
}

func make0(n int) []byte { return make([]byte, n) }

// TestCorpusMP4 plays the recordings of real devices.
func TestCorpusMP4(t *testing.T) {
	dir := os.Getenv("VENUECAST_CORPUS")
	if dir == "" {
		t.Skip("VENUECAST_CORPUS names no folder of recordings")
	}
	entries, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		if Format(e.Name()) != MP4 {
			continue
		}
		t.Run(e.Name(), func(t *testing.T) {
			path := filepath.Join(dir, e.Name())
			s := watch(t, Config{Path: path}, true, 0)
			if s.err != nil {
				t.Fatal(s.err)
			}
			if got, want := pictureSums(t, s.save(t)), pictureSums(t, path); !slices.Equal(got, want) {
				t.Errorf("%d pictures decode, want %d", len(got), len(want))
			}
		})
	}
}
