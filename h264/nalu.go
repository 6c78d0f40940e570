package h264

// A NALU is one NAL unit, from its header byte to its last byte, with
// emulation prevention and without a start code or length [7.3.1].
type NALU []byte

// Type is nal_unit_type; an empty NAL unit is of type 0, unspecified.
func (n NALU) Type() NALUType {
	if len(n) == 0 {
		return 0
	}
	return NALUType(n[0] & 0x1f)
}

// RefIDC is nal_ref_idc: 0 for a picture that no other picture refers to.
func (n NALU) RefIDC() uint8 {
	if len(n) == 0 {
		return 0
	}
	return n[0] >> 5 & 3
}

// NALUType is nal_unit_type [Table 7-1].
type NALUType uint8

// The NAL unit types that the rest of the program tells apart.
const (
	TypeSlice         NALUType = 1 // of a picture that is not IDR
	TypeDataPartA     NALUType = 2
	TypeDataPartB     NALUType = 3
	TypeDataPartC     NALUType = 4
	TypeIDR           NALUType = 5 // slice of an IDR picture
	TypeSEI           NALUType = 6
	TypeSPS           NALUType = 7
	TypePPS           NALUType = 8
	TypeAUD           NALUType = 9 // access unit delimiter
	TypeEndOfSequence NALUType = 10
	TypeEndOfStream   NALUType = 11
	TypeFiller        NALUType = 12
	TypeSPSExtension  NALUType = 13
	TypePrefix        NALUType = 14
	TypeSubsetSPS     NALUType = 15
	TypeReserved18    NALUType = 18
	TypeAuxiliary     NALUType = 19 // slice of an auxiliary picture
	TypeExtension     NALUType = 20 // slice of another layer or view
)

// IsVCL reports whether the NAL unit is part of the primary coded picture:
// a slice or a slice data partition.
func (t NALUType) IsVCL() bool { return t >= TypeSlice && t <= TypeIDR }
