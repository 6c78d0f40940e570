package rtmp

import (
	"bytes"
	"context"
	"encoding/binary"
	"fmt"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"
)

// A byteConn sends each byte by itself.
type byteConn struct{ net.Conn }

func (c byteConn) Write(p []byte) (int, error) {
	for i := range p {
		if n, err := c.Conn.Write(p[i : i+1]); err != nil {
			return i + n, err
		}
	}
	return len(p), nil
}

// dialOdd dials a scripted peer over a connection that buffers like a socket.
func dialOdd(t *testing.T, byBytes bool, on script) (*Client, *peer, error) {
	p := &peer{t: t, on: on}
	cfg := pipeConfig(t, nil)
	cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
		ours, theirs := net.Pipe()
		p.nc = newElastic(theirs)
		if byBytes {
			p.nc = byteConn{p.nc}
		}
		go func() {
			defer p.nc.Close()
			p.serve()
		}()
		return newElastic(ours), nil
	}
	c, err := Dial(t.Context(), cfg)
	return c, p, err
}

// start is the first chunk of a message of length bytes on chunk stream csid,
// and rest a further one.
func (p *peer) start(csid uint32, typ MessageType, length int, payload []byte) {
	b := appendBasicHeader(nil, 0, csid)
	b = append(b, 0, 0, 0, byte(length>>16), byte(length>>8), byte(length), byte(typ), 1, 0, 0, 0)
	p.nc.Write(append(b, payload...))
}

func (p *peer) rest(csid uint32, payload []byte) {
	p.nc.Write(append(appendBasicHeader(nil, 3, csid), payload...))
}

func userControl(event uint16, data ...byte) Message {
	return Message{Type: UserControl, Payload: append(binary.BigEndian.AppendUint16(nil, event), data...)}
}

// whims are what a peer may say at any time to no effect on the session. Each
// says what the client has to answer, if anything.
var whims = []struct {
	name    string
	say     func(p *peer)
	answers []Message
}{
	{"nothing", func(*peer) {}, nil},
	{"acknowledgements out of step", func(p *peer) {
		for _, n := range []uint32{0, 7, 3, 1 << 31, 1<<32 - 1, 100} {
			p.send(uint32Message(Ack, n))
		}
		p.send(Message{Type: Ack, Payload: []byte{1, 2, 3}}, Message{Type: Ack, StreamID: 7, Payload: seq(9)})
	}, nil},
	{"pings", func(p *peer) {
		p.send(userControl(userPingRequest, 1, 2, 3, 4), userControl(userPingRequest, 1, 2, 3), userControl(userPingRequest), userControl(userPingRequest, seq(40)...))
	}, []Message{userControl(userPingResponse, 1, 2, 3, 4), userControl(userPingResponse, 0, 1, 2, 3)}},
	{"bandwidth: hard, soft, dynamic", func(p *peer) {
		for limit := range byte(4) { // and one there is not
			p.send(Message{Type: SetPeerBandwidth, Payload: []byte{0, 0, 0x10, limit, limit}})
		}
		p.send(Message{Type: SetPeerBandwidth, Payload: []byte{0, 0, 0x20, 0}}, Message{Type: SetPeerBandwidth, Payload: []byte{0xFF, 0xFF, 0xFF, 0xFF, 0}},
			Message{Type: SetPeerBandwidth, Payload: []byte{0, 0, 0, 0, 0}}, Message{Type: SetPeerBandwidth, Payload: []byte{0, 1}})
	}, []Message{uint32Message(WindowAckSize, 0x1000), uint32Message(WindowAckSize, 0x1001), uint32Message(WindowAckSize, 0x1002),
		uint32Message(WindowAckSize, 0x1003), uint32Message(WindowAckSize, 0x2000), uint32Message(WindowAckSize, clientWindow)}},
	{"user control nobody knows", func(p *peer) {
		for _, event := range []uint16{0, 1, 2, 3, 4, 5, 7, 26, 27, 31, 32, 0xFFFF} {
			p.send(userControl(event), userControl(event, 0, 0, 0, 1), userControl(event, seq(300)...))
		}
		p.send(Message{Type: UserControl, Payload: []byte{0}})
	}, nil},
	{"nothing, of every type", func(p *peer) {
		for typ := range 256 {
			p.send(Message{Type: MessageType(typ)}, Message{Type: MessageType(typ), StreamID: 1})
		}
	}, nil},
	{"errors with nulls", func(p *peer) {
		for _, txn := range []any{0, 99, txnReleaseStream, txnFCPublish, 0.5, -1, nil, "4"} {
			p.reply(0, "_error", txn, nil, nil)
			p.reply(0, "_error", txn)
			p.reply(0, "_result", 77, nil, nil)
		}
	}, nil},
	{"statuses of no meaning", func(p *peer) {
		p.reply(1, "onStatus", 0, nil, nil)
		p.reply(1, "onStatus", 0)
		p.reply(1, "onStatus")
		p.status("status", "NetStream.Publish.Idle")
		p.status("warning", "NetStream.Odd")
		p.reply(0, "onFCPublish", 0, nil, statusObject{"status", publishStart, ""})
		p.reply(0, "onBWDone", 0, nil, 8192)
		p.reply(0, "|RtmpSampleAccess", true, true)
	}, nil},
	{"AMF3", func(p *peer) {
		amf3, _ := commandMessage(1, "onStatus", 0, nil, statusObject{"status", "NetStream.Odd", ""})
		amf3.Type, amf3.Payload = CommandAMF3, append([]byte{0}, amf3.Payload...)
		p.send(amf3, Message{Type: CommandAMF3, Payload: []byte{0x11, 0x0A, 0x0B, 1, 9, 0xFF}}, Message{Type: DataAMF3, StreamID: 1, Payload: []byte{0x11, 9}})
	}, nil},
	{"AMF0 that is none", func(p *peer) {
		for _, b := range []string{"\x02", "\x02\x00\xc8x", "\x05", "\x02\x00\x08onStatus\x0a\xff\xff\xff\xff", "\x02\x00\x07_result\x00\x3f", "\xff\xff"} {
			p.send(Message{Type: CommandAMF0, Payload: []byte(b)}, Message{Type: CommandAMF0, StreamID: 1, Payload: []byte(b)})
		}
	}, nil},
	{"media", func(p *peer) {
		for _, typ := range []MessageType{Audio, Video, DataAMF0, Aggregate, 77} {
			p.send(Message{Type: typ, StreamID: 1, Timestamp: 1<<32 - 1, Payload: seq(5000)})
		}
	}, nil},
	{"windows of 1 and more", func(p *peer) {
		for _, n := range []uint32{1, 2, 3, 0, 1<<32 - 1, 1 << 31, 1} {
			p.send(uint32Message(WindowAckSize, n), Message{Type: DataAMF0, Payload: seq(300)})
		}
		p.send(uint32Message(WindowAckSize, 1<<30), Message{Type: WindowAckSize, Payload: []byte{0, 0}})
	}, nil},
	{"chunk size changed in a message", func(p *peer) {
		size := p.w.chunkSize
		p.start(8, DataAMF0, size+500, seq(size))
		p.send(uint32Message(SetChunkSize, 300))
		p.rest(8, seq(300))
		p.send(uint32Message(SetChunkSize, 1))
		p.rest(8, seq(1))
		p.send(uint32Message(SetChunkSize, 0x7FFFFFFF))
		p.rest(8, seq(199))
		p.w.chunkSize = maxChunkSize
		p.send(Message{Type: SetChunkSize, Payload: []byte{0, 1}}, uint32Message(SetChunkSize, 128))
	}, nil},
	{"abort in a message", func(p *peer) {
		size := p.w.chunkSize
		p.start(8, DataAMF0, 2*size, seq(size))
		p.send(uint32Message(Abort, 8))
		p.start(8, DataAMF0, 1, []byte{5})
		p.send(uint32Message(Abort, 8), uint32Message(Abort, 2), uint32Message(Abort, 9999), Message{Type: Abort, Payload: []byte{0}})
	}, nil},
	{"a command between the chunks of a message", func(p *peer) {
		size := p.w.chunkSize
		p.start(8, DataAMF0, size+1, seq(size))
		p.send(userControl(userPingRequest, 9, 9, 9, 9))
		p.rest(8, seq(1))
	}, []Message{userControl(userPingResponse, 9, 9, 9, 9)}},
	{"high chunk streams", func(p *peer) {
		for _, csid := range []uint32{63, 64, 319, 320, 65599} {
			p.start(csid, DataAMF0, 2, seq(2))
		}
	}, nil},
}

// Whatever a peer says in between, whenever it says so and however it comes in
// pieces: the session goes on, and what we send arrives.
func TestClientWhims(t *testing.T) {
	points := []string{"connect", "createStream", "publish", "live"}
	for _, whim := range whims {
		for _, point := range points {
			for _, byBytes := range []bool{false, true} {
				t.Run(fmt.Sprintf("%s/%s/%v", whim.name, point, byBytes), func(t *testing.T) {
					synctest.Test(t, func(t *testing.T) {
						answer := script{
							"connect":      func(p *peer, _ Message, c command) { p.reply(0, "_result", c.Transaction, nil, nil) },
							"createStream": func(p *peer, _ Message, c command) { p.reply(0, "_result", c.Transaction, nil, 1) },
							"publish":      func(p *peer, _ Message, _ command) { p.status("status", publishStart) },
						}
						on := script{}
						for name, f := range answer {
							on[name] = func(p *peer, m Message, c command) {
								if name == point {
									whim.say(p)
								}
								f(p, m, c)
							}
						}
						start := time.Now()
						c, p, err := dialOdd(t, byBytes, on)
						if err != nil {
							t.Fatal(err)
						}
						synctest.Wait()
						if point == "live" {
							whim.say(p)
						}
						want := sessionMedia()
						for _, m := range want {
							if err := c.WriteMessage(m); err != nil {
								t.Fatal(err)
							}
						}
						synctest.Wait()
						if c.Err() != nil || time.Since(start) != 0 {
							t.Fatalf("ended with %v after %v", c.Err(), time.Since(start))
						}
						got := p.received(Audio, Video, DataAMF0)
						for i := range got {
							got[i].StreamID = 0
						}
						requireMessages(t, want, got)
						asked := uint32Message(WindowAckSize, clientWindow) // by the client itself, in createStream's phase
						answers := slices.DeleteFunc(p.received(UserControl, WindowAckSize), func(m Message) bool { return bytes.Equal(m.Payload, asked.Payload) && m.Type == asked.Type })
						requireMessages(t, slices.DeleteFunc(slices.Clone(whim.answers), func(m Message) bool { return bytes.Equal(m.Payload, asked.Payload) }), answers)
						p.status("status", "NetStream.Still.There")
						p.nc.Close()
						<-c.Done()
						requireError(t, c.Err(), KindClosed, PhaseLive)
						c.Close(t.Context())
					})
				})
			}
		}
	}
}

// A peer that closes ends whatever is under way, with the phase in the error;
// one that stops ends it by the phase's deadline. After each byte it says.
func TestClientCutShort(t *testing.T) {
	s := recordSession(t, nil)
	limits := map[Phase]time.Duration{PhaseHandshake: 4 * time.Second, PhaseConnect: 5 * time.Second, PhaseCreateStream: 5 * time.Second, PhasePublish: 5 * time.Second}
	cuts := []int{0, 1, 2, 700, 1 + signatureSize, 2000, handshakeSize - 1}
	for i := handshakeSize; i < s.started; i++ {
		cuts = append(cuts, i)
	}
	for _, closes := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			phase, seen := PhaseHandshake, map[Phase]bool{}
			for _, cut := range append(cuts, s.started) {
				cfg := pipeConfig(t, nil)
				cfg.DialContext = func(context.Context, string, string) (net.Conn, error) {
					ours, theirs := net.Pipe()
					peer := newElastic(theirs)
					peer.Write(s.server[:cut])
					go func() {
						drain(theirs)
						peer.Close()
					}()
					if closes {
						// Once all of it is read: a closed pipe drops what is not.
						time.AfterFunc(time.Millisecond, func() { peer.Close() })
					}
					return newElastic(ours), nil
				}
				start := time.Now()
				c, err := Dial(t.Context(), cfg)
				if cut == s.started {
					if err != nil {
						t.Fatalf("after all: %v", err)
					}
					if closes {
						<-c.Done()
						requireError(t, c.Err(), KindClosed, PhaseLive)
					}
					ctx, cancel := context.WithCancel(t.Context())
					cancel()
					c.Close(ctx)
					continue
				}
				e, ok := err.(*Error)
				if !ok {
					t.Fatalf("after %d bytes: %v", cut, err)
				}
				if e.Phase < phase {
					t.Fatalf("after %d bytes: %v, and %v after less", cut, e, phase)
				}
				phase = e.Phase
				seen[phase] = true
				kind, took := KindClosed, time.Millisecond
				if !closes {
					kind, took = KindTimeout, limits[phase]
				}
				requireError(t, err, kind, phase)
				if got := time.Since(start); got != took {
					t.Errorf("after %d bytes: took %v, want %v", cut, got, took)
				}
			}
			if len(seen) != len(limits) {
				t.Errorf("phases %v", seen)
			}
		})
	}
}
