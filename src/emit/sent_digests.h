// SPDX-License-Identifier: GPL-2.0-or-later

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include "emit/content_threads.h"
#include "emit/digest_threads.h"
#include "emit/emitted.h"
#include "qcow2stream/digest.h"
#include "qcow2stream/emit.h"

namespace qcow2stream {

// What is hashed of that which goes out, in the very buffers that are written: the image, as
// EmitOptions::digests say, and the content of the disk, as `content` and `expected` do. Belongs to
// one thread. Where hashing fails, one of the next calls throws its error.
class SentDigests {
 public:
  // Both must outlive it.
  SentDigests(const Emitted& what, const EmitOptions& options);

  // Whether there is anything to do. If not, only end_content() and finish() may be called.
  [[nodiscard]] bool any() const { return image_ || content_; }

  // A buffer of any size, to be filled, written, and put or dropped.
  std::vector<std::byte> take() { return content_ ? content_->take() : image_->take(); }
  // It was written, and begins with `range`, which follows what was put before.
  void put(std::vector<std::byte> buffer, HostRange range);

  // No content follows that which the buffer begins with. From here on all of it is known, and the
  // root in the image's trailer can be read.
  void end_content(std::vector<std::byte> buffer, HostRange range);
  // The digests of the image. `last` is all that has not been put of it, also what end_content()
  // got.
  std::vector<Digest> finish(std::span<const std::byte> last);

 private:
  void put_content(std::vector<std::byte> buffer, HostRange range);

  const Emitted& what_;
  const ManifestBuilder* learned_root_;  // is that of the content; null: nobody asks for it
  std::vector<SentPart> parts_;          // of a buffer; kept for its memory
  std::optional<DigestThreads> image_;
  std::optional<ContentThreads> content_;
};

}  // namespace qcow2stream
