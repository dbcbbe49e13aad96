// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <isa-l.h>

namespace qcow2stream {

// Memory for one ISA-L stream, at an address that leaves no trace in what is compressed with it.
//
// In ISA-L up to 2.32 at least, the code for levels 1 and 2 on x86 hashes the second string of its
// input from a register that was not loaded and still holds the stream's address
// (igzip_icf_body_h1_gr_bt.asm, .write_first_byte: tmp2). So one slot of the hash table gets a
// wrong position, which slot depends on bits 16 to 47 of the address, and once in some thousand
// clusters a match is found or missed for it: valid data either way, but not the same data. The
// streams here lie where this hash has its lowest bits clear, so that it is always the same slot.
//
// If no such address is free, any other is taken.
class IsalStream {
 public:
  IsalStream();
  ~IsalStream();
  IsalStream(const IsalStream&) = delete;
  IsalStream& operator=(const IsalStream&) = delete;

  [[nodiscard]] isal_zstream* get() const { return static_cast<isal_zstream*>(memory_); }

 private:
  void* memory_;
};

}  // namespace qcow2stream
