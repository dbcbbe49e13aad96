// SPDX-License-Identifier: GPL-2.0-or-later
//
// What the rest of a streamed image is needed for: references from its tables to bytes that have
// not arrived yet, handed out in the order in which the bytes arrive.
//
// Tables come in the order of the disk, so an image whose data lies in that order, too, takes next
// to nothing: what is contiguous on both sides is one reference, and what cannot be needed soon is
// kept compressed. Only the references that come next are at hand.

#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <tuple>
#include <vector>

#include "qcow2stream/types.h"

namespace qcow2stream {

struct Reference {
  enum class Kind : std::uint8_t {
    kData,           // bytes of the disk from `guest` on
    kCompressed,     // the sectors with the data of the cluster at `guest`
    kL1Table,        // entries from the first one on
    kL2Table,        // tables of the disk from `guest` on, as many as there are clusters
    kRefcountTable,  // entries from the first one on
    kRefcountBlock,  // blocks, beginning with that of host cluster `guest`
    kReserved,       // nothing is needed of it, but it is referred to
    kPadding,        // nothing is needed of it
  };
  // Whether its entry says that nothing else refers to the cluster (QCOW_OFLAG_COPIED).
  enum class Claim : std::uint8_t { kNone, kOnlyOne, kOneOfSeveral };
  HostRange host;  // never empty
  GuestOffset guest;
  Kind kind = Kind::kData;
  Claim claim = Claim::kNone;

  friend bool operator==(const Reference&, const Reference&) = default;
};

// Belongs to one thread. Throws std::bad_alloc.
class References {
 public:
  // `table_reach` is how many bytes of the disk an L2 table maps, and `block_reach` how many host
  // clusters a refcount block counts: what `guest` moves on by for each cluster of such a
  // reference.
  References(std::uint64_t cluster_size, std::uint64_t table_reach, std::uint64_t block_reach);

  // Its bytes begin behind those of all references that were taken.
  void add(const Reference& reference);

  // The one whose bytes come first, and of several such that with the lowest `guest`; nothing if
  // there is none.
  [[nodiscard]] std::optional<Reference> front();
  void take_front();

  // How many bytes of memory are taken.
  [[nodiscard]] std::uint64_t memory() const;

 private:
  using Key = std::tuple<std::uint64_t, std::uint64_t>;  // host and guest
  struct Page {
    std::vector<std::byte> encoded;
    std::size_t raw_size = 0;
    Key next;  // the lowest that has not been loaded
  };

  static Key key_of(const Reference& reference);
  [[nodiscard]] bool joins(const Reference& reference) const;
  [[nodiscard]] std::uint64_t reach(const Reference& reference) const;
  void file(const Reference& reference);
  void file_last();
  void spill();
  void close_page();
  void load();
  void forget_loaded(std::size_t pages, const std::optional<Key>& end);
  static std::vector<Reference> decode(const Page& page);

  std::uint64_t cluster_size_;
  std::uint64_t table_reach_;
  std::uint64_t block_reach_;
  std::optional<Reference> last_;     // may still grow
  std::vector<Reference> at_hand_;    // a heap; all whose keys are below at_hand_end_
  std::optional<Key> at_hand_end_;    // nothing: there are no others
  std::vector<Reference> open_page_;  // others, not encoded yet
  std::vector<Page> pages_;
  std::uint64_t encoded_bytes_ = 0;
};

}  // namespace qcow2stream
