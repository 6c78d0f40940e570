package rtmp

import (
	"fmt"
	"os/exec"
	"testing"
)

// ffmpeg publishes to our Server.
func TestFFmpegToServer(t *testing.T) {
	ffmpeg := need(t, "ffmpeg")[0]
	l := listen(t)
	sink := &recorder{}
	startServer(t, &Server{Handler: sink.accept}, l)
	const frames = 50
	cmd := exec.CommandContext(t.Context(), ffmpeg, "-nostdin", "-loglevel", "error",
		"-f", "lavfi", "-i", "testsrc2=size=320x240:rate=25", "-f", "lavfi", "-i", "sine",
		"-frames:v", fmt.Sprint(frames), "-c:v", "libx264", "-preset", "ultrafast", "-c:a", "aac", "-shortest",
		"-f", "flv", "rtmp://"+l.Addr().String()+"/live/"+testKey)
	if out, err := cmd.CombinedOutput(); err != nil {
		t.Fatalf("ffmpeg: %v\n%s", err, out)
	}
	count := map[MessageType]int{}
	last := map[MessageType]uint32{}
	for _, m := range sink.wait(t) {
		count[m.Type]++
		if m.Timestamp < last[m.Type] {
			t.Errorf("%v goes back from %d to %d ms", m.Type, last[m.Type], m.Timestamp)
		}
		last[m.Type] = m.Timestamp
	}
	// With the sequence header and the end of sequence.
	if count[Video] != frames+2 || count[Audio] < 80 || count[DataAMF0] < 1 {
		t.Errorf("got %v", count)
	}
	if last[Video] < 1900 || last[Video] > 2100 {
		t.Errorf("2 s of video end at %d ms", last[Video])
	}
	if sink.publish.App != "live" || sink.publish.Key != NewStreamKey(testKey) {
		t.Errorf("published %+v", sink.publish)
	}
	if sink.endErr != nil {
		t.Errorf("ended with %v", sink.endErr)
	}
}
