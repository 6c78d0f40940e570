package rtmp

import "fmt"

// A MessageType says what a message's payload is (sections 5.4 and 7.1).
type MessageType uint8

const (
	SetChunkSize     MessageType = 1
	Abort            MessageType = 2
	Ack              MessageType = 3
	UserControl      MessageType = 4
	WindowAckSize    MessageType = 5
	SetPeerBandwidth MessageType = 6
	Audio            MessageType = 8
	Video            MessageType = 9
	DataAMF3         MessageType = 15
	CommandAMF3      MessageType = 17
	DataAMF0         MessageType = 18
	CommandAMF0      MessageType = 20
	Aggregate        MessageType = 22
)

var messageTypeNames = map[MessageType]string{
	SetChunkSize: "SetChunkSize", Abort: "Abort", Ack: "Ack", UserControl: "UserControl",
	WindowAckSize: "WindowAckSize", SetPeerBandwidth: "SetPeerBandwidth",
	Audio: "Audio", Video: "Video", DataAMF3: "DataAMF3", CommandAMF3: "CommandAMF3",
	DataAMF0: "DataAMF0", CommandAMF0: "CommandAMF0", Aggregate: "Aggregate",
}

func (t MessageType) String() string {
	if s, ok := messageTypeNames[t]; ok {
		return s
	}
	return fmt.Sprintf("MessageType(%d)", uint8(t))
}

// isMedia reports whether a publisher may send t on its stream.
func (t MessageType) isMedia() bool {
	switch t {
	case Audio, Video, DataAMF0, DataAMF3, Aggregate:
		return true
	}
	return false
}

// A Message is what the chunk stream carries. For Audio and Video the payload
// is the body of an FLV tag; for DataAMF0 it is AMF0 values, as of
// @setDataFrame. Whoever hands over a Message says who owns its Payload.
type Message struct {
	Type      MessageType
	Timestamp uint32 // in ms, modulo 2^32; only differences mean something
	StreamID  uint32 // the message stream; 0 is for control
	Payload   []byte // less than 16 MiB: lengths have 24 bits
}

// maxPayload is what the 24 bits of a message length can say.
const maxPayload = 1<<24 - 1
