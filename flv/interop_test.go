package flv

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"venuecast/aac"
	"venuecast/h264"
	"venuecast/internal/tooltest"
)

// run runs a tool of ffmpeg's, which must have nothing to complain about, and
// returns what it printed.
func run(t *testing.T, name string, args ...string) []byte {
	t.Helper()
	cmd := exec.Command(tooltest.Path(t, name), append([]string{"-v", "warning", "-err_detect", "explode"}, args...)...)
	var stderr bytes.Buffer
	cmd.Stderr = &stderr
	out, err := cmd.Output()
	if err != nil || stderr.Len() > 0 {
		t.Fatalf("%s %s: %v\n%s", name, strings.Join(args, " "), err, &stderr)
	}
	return out
}

// A packet is what ffprobe says of one.
type packet struct {
	PTS, DTS time.Duration
	Key      bool
}

func probe(t *testing.T, file, stream string) (packets []packet) {
	t.Helper()
	var out struct {
		Packets []struct {
			PTS   string `json:"pts_time"`
			DTS   string `json:"dts_time"`
			Flags string `json:"flags"`
		} `json:"packets"`
	}
	if err := json.Unmarshal(run(t, "ffprobe", "-select_streams", stream, "-show_packets", "-of", "json", file), &out); err != nil {
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
		packets = append(packets, packet{seconds(p.PTS), seconds(p.DTS), strings.HasPrefix(p.Flags, "K")})
	}
	return packets
}

// frames is the checksum of every picture that ffmpeg decodes from file.
func frames(t *testing.T, file string) (sums []string) {
	t.Helper()
	for line := range strings.Lines(string(run(t, "ffmpeg", "-i", file, "-map", "0:v", "-fps_mode", "passthrough", "-f", "framemd5", "-"))) {
		if !strings.HasPrefix(line, "#") {
			fields := strings.Split(strings.TrimSpace(line), ",")
			sums = append(sums, fields[len(fields)-1])
		}
	}
	return sums
}

// accessUnits takes an Annex B stream with delimiters apart. It knows as much
// of Annex B as x264's output needs.
func accessUnits(b []byte) (aus [][]h264.NALU) {
	for n := range bytes.SplitSeq(b, []byte{0, 0, 1}) {
		n = bytes.TrimRight(n, "\x00")
		if len(n) == 0 {
			continue
		}
		if h264.NALU(n).Type() == h264.TypeAUD {
			aus = append(aus, nil)
		}
		aus[len(aus)-1] = append(aus[len(aus)-1], n)
	}
	return aus
}

// TestFFmpegReadsWriter: x264's pictures, B pictures among them, at a rate whose
// frames are no whole milliseconds, and silence go through the muxers and the
// writer; ffmpeg decodes the same pictures at the same times, and silence.
func TestFFmpegReadsWriter(t *testing.T) {
	dir := t.TempDir()
	var (
		source = filepath.Join(dir, "source.ts")
		annexB = filepath.Join(dir, "source.h264")
		output = filepath.Join(dir, "output.flv")
	)
	run(t, "ffmpeg", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=30000/1001:d=3",
		"-c:v", "libx264", "-preset", "fast", "-bf", "3", "-g", "30", "-x264-params", "aud=1:repeat-headers=1", "-f", "mpegts", source)
	run(t, "ffmpeg", "-i", source, "-c", "copy", "-f", "h264", annexB)
	stream, err := os.ReadFile(annexB)
	if err != nil {
		t.Fatal(err)
	}
	truth, aus := probe(t, source, "v"), accessUnits(stream)
	if len(truth) != len(aus) || len(aus) < 85 {
		t.Fatalf("%d packets, %d access units", len(truth), len(aus))
	}

	const origin = 9*time.Hour + 123456*time.Nanosecond // of the capture's clock
	var (
		file  bytes.Buffer
		w     = NewWriter(&file, true, true)
		tags  = []Tag{Metadata{Width: 320, Height: 180, FrameRate: 29.97, VideoCodecID: CodecAVC, AudioCodecID: SoundAAC, Stereo: true}.Tag(0)}
		video VideoMuxer
		sound int // frames of silence so far
	)
	audio, err := NewAudioMuxer(lc44)
	if err != nil {
		t.Fatal(err)
	}
	silence, err := aac.SilentFrame(44100, 2)
	if err != nil {
		t.Fatal(err)
	}
	reordered := false
	for i, nalus := range aus {
		p := truth[i]
		reordered = reordered || i > 0 && p.PTS < truth[i-1].PTS
		if tags, err = video.Mux(tags, &h264.AccessUnit{NALUs: nalus, DTS: origin + p.DTS, PTS: origin + p.PTS, Keyframe: p.Key}); err != nil {
			t.Fatal(err)
		}
		for { // silence up to the picture's time
			at := truth[0].DTS + time.Duration(sound)*aac.SamplesPerFrame*time.Second/44100
			if at > p.DTS {
				break
			}
			if tags, err = audio.Mux(tags, silence, origin+at); err != nil {
				t.Fatal(err)
			}
			sound++
		}
	}
	if !reordered {
		t.Fatal("no B pictures in the source")
	}
	tags = append(tags, EndOfSequence(origin+truth[len(truth)-1].DTS))
	for _, tag := range tags {
		if err := w.WriteTag(tag); err != nil {
			t.Fatal(err)
		}
	}
	if err := os.WriteFile(output, file.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}

	if got, want := frames(t, output), frames(t, source); !slices.Equal(got, want) {
		t.Errorf("ffmpeg decodes %d pictures, want the %d of the source: %v", len(got), len(want), got)
	}
	for i, got := range probe(t, output, "v") {
		want := packet{truth[i].PTS - truth[0].DTS, truth[i].DTS - truth[0].DTS, truth[i].Key}
		if got.Key != want.Key || (got.PTS-want.PTS).Abs() > ms || (got.DTS-want.DTS).Abs() > ms {
			t.Errorf("packet %d: %+v, want %+v", i, got, want)
		}
	}
	spacing := map[time.Duration]int{}
	packets := probe(t, output, "a")
	for i := 1; i < len(packets); i++ {
		spacing[(packets[i].DTS-packets[i-1].DTS).Round(ms)]++
	}
	if len(packets) != sound || spacing[23*ms]+spacing[24*ms] != sound-1 {
		t.Errorf("%d audio packets spaced %v, want %d, 23 or 24 ms apart", len(packets), spacing, sound)
	}
	pcm := run(t, "ffmpeg", "-i", output, "-map", "0:a", "-f", "s16le", "-")
	if loud := bytes.Trim(pcm, "\x00"); len(loud) > 0 || len(pcm) < (sound-1)*aac.SamplesPerFrame*4 {
		t.Errorf("%d bytes of sound, %d of them not silent", len(pcm), len(loud))
	}
	info := string(run(t, "ffprobe", "-show_entries", "format_tags:stream=codec_name,width,height,r_frame_rate,sample_rate,channels", "-of", "flat", output))
	for _, want := range []string{`codec_name="h264"`, "width=320", "height=180", `codec_name="aac"`, `sample_rate="44100"`, "channels=2"} {
		if !strings.Contains(info, want) {
			t.Errorf("ffprobe does not say %s:\n%s", want, info)
		}
	}

	t.Run("every access unit comes back", func(t *testing.T) {
		got, err := readTags(bytes.NewReader(file.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		i := 0
		for _, tag := range got {
			if tag.Type != TypeVideo || tag.Header {
				continue
			}
			_, payload, err := ParseVideo(tag.Body)
			if err != nil {
				t.Fatal(err)
			}
			nalus, err := h264.SplitAVCC(nil, payload, 4)
			want := slices.DeleteFunc(slices.Clone(aus[i]), func(n h264.NALU) bool { return !carried(n.Type()) })
			if err != nil || !slices.EqualFunc(nalus, want, slices.Equal) {
				t.Fatalf("picture %d: %d NAL units, %v; want %d", i, len(nalus), err, len(want))
			}
			i++
		}
		if i != len(aus) {
			t.Errorf("%d pictures, want %d", i, len(aus))
		}
	})
}

// TestReaderReadsFFmpeg: what ffmpeg's muxer writes is read with ffprobe's eyes.
func TestReaderReadsFFmpeg(t *testing.T) {
	file := filepath.Join(t.TempDir(), "ffmpeg.flv")
	run(t, "ffmpeg", "-f", "lavfi", "-i", "testsrc2=s=320x180:r=25:d=2", "-f", "lavfi", "-i", "sine=r=48000:d=2",
		"-c:v", "libx264", "-bf", "2", "-c:a", "aac", "-b:a", "128k", "-ac", "2", file)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	tags, err := readTags(bytes.NewReader(b))
	if err != nil {
		t.Fatal(err)
	}
	got := map[TagType][]packet{}
	for _, tag := range tags {
		if !tag.Header {
			got[tag.Type] = append(got[tag.Type], packet{tag.PTS, tag.DTS, tag.Keyframe || tag.Type == TypeAudio})
		}
	}
	near := func(a, b packet) bool { // ffprobe prints microseconds
		return a.Key == b.Key && (a.PTS-b.PTS).Abs() < ms/2 && (a.DTS-b.DTS).Abs() < ms/2
	}
	for typ, stream := range map[TagType]string{TypeVideo: "v", TypeAudio: "a"} {
		if want := probe(t, file, stream); !slices.EqualFunc(got[typ], want, near) {
			t.Errorf("%s: %v, want %v", stream, got[typ], want)
		}
	}
	if tags[0].Type != TypeScript {
		t.Fatalf("begins with %+v", tags[0])
	}
	m, err := ParseMetadata(tags[0].Body)
	m.Encoder, m.VideoDataRate, m.AudioDataRate = "", 0, 0
	want := Metadata{
		Width: 320, Height: 180, FrameRate: 25, VideoCodecID: CodecAVC,
		AudioCodecID: SoundAAC, AudioSampleRate: 48000, AudioSampleSize: 16, Stereo: true,
	}
	if err != nil || m != want {
		t.Errorf("metadata %+v, %v; want %+v", m, err, want)
	}
	for _, tag := range tags {
		if _, payload, err := ParseAudio(tag.Body); tag.Type == TypeAudio && tag.Header {
			c, parseErr := aac.ParseConfig(payload)
			if err != nil || parseErr != nil || c != (aac.Config{ObjectType: aac.ObjectTypeLC, SampleRate: 48000, ChannelConfig: 2}) {
				t.Errorf("AudioSpecificConfig % x: %+v, %v", payload, c, fmt.Sprint(err, parseErr))
			}
		}
	}
}
