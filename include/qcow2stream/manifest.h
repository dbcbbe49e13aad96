// SPDX-License-Identifier: GPL-2.0-or-later
//
// A manifest says what a disk's content is: a digest for each chunk of it, and a root for all. The
// same content has the same root, whatever image or disk it is in. docs/manifest.md has the tree
// that the digests come from, and the file.

#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "qcow2stream/root.h"
#include "qcow2stream/types.h"

namespace qcow2stream {

// What a file with a manifest of any version begins with.
inline constexpr std::string_view kManifestBeginning = "qcow2-to-stdout manifest ";

// A chunk has 2^bits bytes, 64 KiB to 16 MiB.
inline constexpr unsigned kFewestChunkBits = 16;
inline constexpr unsigned kMostChunkBits = 24;
// 256 KiB. A disk with 4.9 GiB of data took 2.3-2.6 s with chunks of any size (bench, question 32).
// The manifest had 0.6 MiB, with 64 KiB 2.5 MiB; chunks larger than what changes at once make
// increments larger, from 82 MiB with up to 1 MiB to 325 MiB with 4 MiB.
inline constexpr unsigned kDefaultChunkBits = 18;

// What a manifest says of the whole.
struct ManifestHeader {
  std::uint64_t length = 0;  // of the content: what a guest sees, a multiple of 512
  unsigned chunk_bits = kDefaultChunkBits;
  ContentDigest root{};
  // Of what the disk held before, if it is that of an increment.
  std::optional<ContentDigest> parent;
  // Whether something was left out that the disk holds: it counts as zeros.
  bool left_out = false;
};

// What a manifest says of one chunk.
struct ManifestChunk {
  bool zeros = true;       // all of it: then nothing of it need be read
  bool inherited = false;  // from the parent's manifest: it was not read when this one was made
  ContentDigest digest{};
  // How many chunks from this one on are known to be of the same kind; if these are zeros, of the
  // same digest, too.
  std::uint64_t run = 1;
};

// The chunks of a content of `length` bytes.
std::uint64_t chunk_count(std::uint64_t length, unsigned chunk_bits);
// What of the content is in a chunk, which must be one of these. Only the last may be shorter than
// a chunk; it is hashed as if zeros followed.
GuestRange chunk_range(std::uint64_t chunk, std::uint64_t length, unsigned chunk_bits);

// Makes digests. Belongs to one thread.
class ChunkHasher {
 public:
  explicit ChunkHasher(unsigned chunk_bits);
  ~ChunkHasher();
  ChunkHasher(ChunkHasher&&) noexcept;
  ChunkHasher& operator=(ChunkHasher&&) = delete;

  // The digest of a chunk with these bytes, of which there are at most as many as a chunk has.
  // Zeros count as behind them.
  ContentDigest digest(std::span<const std::byte> bytes);
  // Whether that is the digest of a chunk of zeros.
  [[nodiscard]] bool is_zeros(const ContentDigest& digest) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// Collects digests in any order, from any number of threads, and makes a manifest of them. Takes
// about 32 bytes of memory for each chunk that has data.
class ManifestBuilder {
 public:
  // `length` and `chunk_bits` as in ManifestHeader.
  ManifestBuilder(std::uint64_t length, unsigned chunk_bits);
  ~ManifestBuilder();
  ManifestBuilder(ManifestBuilder&&) noexcept;
  ManifestBuilder& operator=(ManifestBuilder&&) = delete;

  [[nodiscard]] std::uint64_t length() const;
  [[nodiscard]] unsigned chunk_bits() const;

  // What a chunk holds. Chunks that nobody sets are zeros. May be called again for the same chunk.
  void set(std::uint64_t chunk, const ContentDigest& digest, bool inherited = false);
  // What was set, or the digest of zeros.
  [[nodiscard]] ContentDigest digest(std::uint64_t chunk) const;

  // Makes these chunks, up to `end`, zeros. Takes time for those that have data only.
  void set_zeros(std::uint64_t first, std::uint64_t end);
  // The same chunks of a content of another length: what is new is zeros. The chunk in which a
  // shorter one ends keeps its digest, which is no longer that of what it holds.
  [[nodiscard]] ManifestBuilder resized(std::uint64_t length) const;

  // The same content in chunks of another size, which must not be smaller. A chunk is inherited if
  // all data in it is.
  [[nodiscard]] ManifestBuilder coarser(unsigned chunk_bits) const;

  // Of what has been set so far; no call may set anything meanwhile, and none of these throws but
  // where OpenSSL fails.
  [[nodiscard]] ContentDigest root() const;
  // Writes the file, piece by piece. What `write` throws ends it.
  using Write = std::function<void(std::span<const std::byte> bytes)>;
  // Gives what was left out, one run after the other: multiples of 512 bytes, in order, of which no
  // two touch; in the end nothing.
  using NextRun = std::function<std::optional<GuestRange>()>;
  void encode(const std::optional<ContentDigest>& parent, const Write& write,
              const NextRun& next_left_out = {}) const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

// A manifest that was read. All functions are const, and any number of threads may use one.
class Manifest {
  struct File;

 public:
  // Opens a file with a manifest and reads all of it once: what it says is complete, each checksum
  // in it is right, and the root is that of the digests. Of a file only 8 bytes a page of 4 KiB
  // stay in memory; what cannot be read at any place (a pipe) is kept there whole, up to 1 GiB.
  // Throws Error, about ErrorSubject::kManifest: kFailed if it cannot be read, kMismatch if it is
  // no manifest, is of a version or an algorithm that is not known, or is damaged.
  static Manifest load(const std::string& path);

  Manifest(Manifest&&) noexcept;
  Manifest& operator=(Manifest&&) noexcept;
  ~Manifest();

  // Its file, for messages.
  [[nodiscard]] const std::string& name() const;
  [[nodiscard]] const ManifestHeader& header() const;
  [[nodiscard]] std::uint64_t chunk_count() const;

  // Looks chunks up, in any order; fastest where they come in order. Belongs to one thread and must
  // not outlive the manifest.
  class Cursor {
   public:
    explicit Cursor(const Manifest& manifest);
    ~Cursor();
    Cursor(Cursor&&) noexcept;
    Cursor& operator=(Cursor&&) = delete;

    // `chunk` must be one that the manifest has. Throws Error as load() does: the file is looked
    // at.
    ManifestChunk at(std::uint64_t chunk);

   private:
    struct State;
    std::unique_ptr<State> state_;
  };

  // Goes through what was left out, in order. Belongs to one thread and must not outlive the
  // manifest.
  class LeftOutCursor {
   public:
    explicit LeftOutCursor(const Manifest& manifest) : file_(*manifest.file_) {}
    // Throws Error as load() does: the file is looked at.
    std::optional<GuestRange> next();

   private:
    const File& file_;
    std::uint64_t page_ = 0;  // the next one
    std::vector<GuestRange> runs_;
    std::size_t at_ = 0;
    std::uint64_t end_ = 0;  // of the last one
  };

 private:
  explicit Manifest(std::unique_ptr<const File> file);
  std::unique_ptr<const File> file_;
};

}  // namespace qcow2stream
