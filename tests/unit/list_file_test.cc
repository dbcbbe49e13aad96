// SPDX-License-Identifier: GPL-2.0-or-later
//
// What maps look like: every form that other programs write, and what is refused with which words.

#include "lists/list_file.h"

#include <gtest/gtest.h>

#include <vector>

#include "map_testing.h"
#include "qcow2stream/error.h"

namespace qcow2stream {
namespace {

using testing::TextFile;
using testing::TextPipe;

std::vector<ListEntry> entries_at(const std::string& path) {
  std::vector<ListEntry> entries;
  ListFile file(path);
  EXPECT_TRUE(file.read([&](const ListEntry& entry) {
    entries.push_back(entry);
    return true;
  }));
  return entries;
}

std::vector<ListEntry> entries_of(const std::string& text) {
  return entries_at(TextFile(text).path());
}

// The message without the name of the file.
std::string refusal_of(const std::string& text) {
  const TextFile text_file(text);
  ListFile file(text_file.path());
  try {
    file.read([](const ListEntry&) { return true; });
  } catch (const Error& error) {
    EXPECT_EQ(error.kind(), ErrorKind::kFailed);
    EXPECT_EQ(error.name(), file.name());
    return error.what_failed() + ": " + error.reason();
  }
  return "nothing";
}

TEST(ListFile, QemuImg) {
  const auto entries = entries_of(
      R"([{ "start": 0, "length": 1048576, "depth": 0, "present": true, "zero": false, "data": true, "compressed": false, "offset": 327680},
{ "start": 1048576, "length": 512, "depth": 1, "zero": true, "data": false}]
)");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].number, 1U);
  EXPECT_EQ(entries[0].form, ListForm::kQemuImg);
  EXPECT_EQ(entries[0].range, (GuestRange{GuestOffset(0), 1048576}));
  EXPECT_EQ(entries[0].depth, 0U);
  EXPECT_EQ(entries[0].present, true);
  EXPECT_EQ(entries[0].zero, false);
  EXPECT_EQ(entries[0].data, true);
  EXPECT_EQ(entries[1].number, 2U);
  EXPECT_EQ(entries[1].range, (GuestRange{GuestOffset(1048576), 512}));
  EXPECT_EQ(entries[1].depth, 1U);
  EXPECT_EQ(entries[1].present, std::nullopt);
  EXPECT_EQ(entries[1].place(), "entry 2 (offset 1048576, length 512)");
}

TEST(ListFile, RbdWritesStrings) {
  const auto entries = entries_of(
      R"([{"offset":0,"length":4194304,"exists":"true"},{"offset":4194304,"length":9,"exists":"false"},
          {"offset":8388608,"length":9,"exists":true}])");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].form, ListForm::kRbd);
  EXPECT_EQ(entries[0].exists, true);
  EXPECT_EQ(entries[1].exists, false);
  EXPECT_EQ(entries[1].range, (GuestRange{GuestOffset(4194304), 9}));
  EXPECT_EQ(entries[2].exists, true);
}

TEST(ListFile, NbdInfo) {
  const auto entries = entries_of(
      R"([
{ "offset": 0, "length": 1048576, "type": 3, "description": "hole,zero"},
{ "offset": 1048576, "length": 65536, "type": 0, "description": "data"}
])");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].form, ListForm::kNbdInfo);
  EXPECT_EQ(entries[0].type, 3U);
  EXPECT_EQ(entries[0].description, "hole,zero");
  EXPECT_EQ(entries[1].description, "data");
}

TEST(ListFile, PlainLists) {
  const auto entries = entries_of(
      R"(  [{"start":1,"length":2},{"length":9223372036854775807,"offset":3},{"start":5,"offset":77,"length":0}]  )");
  ASSERT_EQ(entries.size(), 3U);
  EXPECT_EQ(entries[0].form, ListForm::kPlain);
  EXPECT_EQ(entries[0].range, (GuestRange{GuestOffset(1), 2}));
  EXPECT_EQ(entries[1].range, (GuestRange{GuestOffset(3), (1ULL << 63) - 1}));
  // The offset beside a start is one in another file.
  EXPECT_EQ(entries[2].range, (GuestRange{GuestOffset(5), 0}));
  EXPECT_TRUE(entries_of("[]").empty());
}

TEST(ListFile, NumbersOfClusters) {
  const auto entries = entries_of(
      R"( {"virtual_size":5, "x":{"data_clusters":[7]}, "cluster_bits":16, "data_clusters":[[0,0],[3,9]], "y":[[1]]})");
  ASSERT_EQ(entries.size(), 2U);
  EXPECT_EQ(entries[0].form, ListForm::kClusters);
  EXPECT_EQ(entries[0].number, 1U);
  EXPECT_EQ(entries[0].unit, 65536U);
  EXPECT_EQ(entries[0].range, (GuestRange{GuestOffset(0), 65536}));
  EXPECT_EQ(entries[1].number, 2U);
  EXPECT_EQ(entries[1].range, (GuestRange{GuestOffset(196608), 458752}));
  EXPECT_TRUE(entries_of(R"({"cluster_bits":9,"data_clusters":[]})").empty());
}

TEST(ListFile, RefusesOddListsOfClusters) {
  const std::string no_list = "is not a list of clusters: ";
  EXPECT_EQ(refusal_of("{}"), no_list + "has no data_clusters");
  EXPECT_EQ(refusal_of(R"({"exports":[]})"), no_list + "has no data_clusters");
  EXPECT_EQ(refusal_of(R"({"data_clusters":[],"cluster_bits":16})"),
            no_list + "cluster_bits has to stand before data_clusters");
  EXPECT_EQ(refusal_of(R"({"cluster_bits":8})"), no_list + "cluster_bits 8 is not from 9 to 21");
  EXPECT_EQ(refusal_of(R"({"cluster_bits":-1})"), no_list + "cluster_bits must not be a number");
  EXPECT_EQ(refusal_of(R"({"cluster_bits":9,"cluster_bits":9})"),
            no_list + "has cluster_bits twice");
  const auto refusal_of_pairs = [](const std::string& pairs) {
    return refusal_of(R"({"cluster_bits":16,"data_clusters":)" + pairs + "}");
  };
  EXPECT_EQ(refusal_of_pairs("{}"), no_list + "data_clusters must not be an object");
  EXPECT_EQ(refusal_of_pairs("[[0,0],7]"), "entry 2: is a number, two numbers are expected");
  const std::string no_pair = "is not the numbers of a first and a last cluster";
  EXPECT_EQ(refusal_of_pairs("[[0,0],[7]]"), "entry 2: " + no_pair);
  EXPECT_EQ(refusal_of_pairs("[[0,0,0]]"), "entry 1: " + no_pair);
  EXPECT_EQ(refusal_of_pairs("[[]]"), "entry 1: " + no_pair);
  EXPECT_EQ(refusal_of_pairs("[[[1,2]]]"), "entry 1: is a list, two numbers are expected");
  EXPECT_EQ(refusal_of_pairs("[[2,1]]"), "entry 1: ends at cluster 1, before 2");
  EXPECT_EQ(refusal_of_pairs("[[-2,1]]"), "entry 1: -2 is negative");
  EXPECT_EQ(refusal_of_pairs("[[0,140737488355327]]"),
            "entry 1: cluster 140737488355327 is past 2^63 bytes");
  EXPECT_EQ(refusal_of_pairs("[[0,1.5]]"), "entry 1: 1.5 is not a whole number below 2^63");
}

TEST(ListFile, OtherKeysDoNotMatter) {
  const auto entries = entries_of(
      R"([{"x":1.5,"start":1,"y":{"start":9,"z":[{"length":8}]},"length":2,"n":null,"s":"a","b":false,
           "negative":-1,"large":18446744073709551616}])");
  ASSERT_EQ(entries.size(), 1U);
  EXPECT_EQ(entries[0].range, (GuestRange{GuestOffset(1), 2}));
  EXPECT_EQ(entries[0].form, ListForm::kPlain);
}

TEST(ListFile, PipesComeInPieces) {
  std::string text = "[";
  for (int i = 0; i < 200; ++i) {
    text += (i > 0 ? ",\n" : "") + std::string(R"({"start":)") + std::to_string(i * 1000) +
            R"(,"length":10})";
  }
  text += "]\n";
  for (const std::size_t piece : {1U, 7U, 4096U}) {
    const TextPipe pipe(text, piece);
    const auto entries = entries_at(pipe.path());
    ASSERT_EQ(entries.size(), 200U);
    EXPECT_EQ(entries[199].range, (GuestRange{GuestOffset(199'000), 10}));
    EXPECT_FALSE(ListFile(pipe.path()).can_rewind());
  }
}

TEST(ListFile, CanStopAndBeginAgain) {
  const TextFile text_file(R"([{"start":0,"length":1},{"start":1,"length":1}])");
  ListFile file(text_file.path());
  EXPECT_TRUE(file.can_rewind());
  for (int round = 0; round < 3; ++round) {
    std::uint64_t last = 0;
    EXPECT_FALSE(file.read([&](const ListEntry& entry) {
      last = entry.number;
      return false;
    }));
    EXPECT_EQ(last, 1U);
    file.rewind();
  }
}

TEST(ListFile, WhatIsNotJsonIsRefusedWithTheByte) {
  EXPECT_EQ(refusal_of("").find("byte 1: is not JSON: unexpected end of input"), 0U);
  EXPECT_EQ(refusal_of("Offset  Length"), "byte 1: is not JSON: invalid literal");
  EXPECT_EQ(refusal_of(std::string("[]\0[", 4)), "byte 3: is not JSON: a zero byte");
  EXPECT_EQ(refusal_of("[tru]"), "byte 5: is not JSON: invalid literal");
  EXPECT_EQ(refusal_of("[] []").find("byte 4: is not JSON: "), 0U);
  EXPECT_EQ(refusal_of(R"([{"start":0,"length":1},)").find("byte 25: is not JSON: "), 0U);
  EXPECT_EQ(refusal_of(R"([{"start":0,"length":1})").find("byte 24: is not JSON: "), 0U);
  EXPECT_EQ(refusal_of("[{\"sta\xff").find("byte 7: is not JSON: "), 0U);
  EXPECT_EQ(refusal_of(R"([{"x":1e999}])").find("byte 11: is not JSON: number overflow"), 0U);
}

TEST(ListFile, WhatIsNoListOfObjectsIsRefused) {
  const std::string no_list = "byte 1: is not a list of runs: a list of objects is expected";
  for (const char* text : {"1", "-1", "1.5", R"("x")", "null", "true"}) {
    EXPECT_EQ(refusal_of(text).substr(6), no_list.substr(6)) << text;
  }
  EXPECT_EQ(refusal_of("[1]"), "entry 1: is a number, an object is expected");
  EXPECT_EQ(refusal_of(R"([{"start":0,"length":1},[]])"),
            "entry 2: is a list, an object is expected");
  EXPECT_EQ(refusal_of("[null]"), "entry 1: is null, an object is expected");
}

TEST(ListFile, WhatIsMissingOrWrongInAnEntryIsRefused) {
  const auto refusal = [](const std::string& entry) {
    return refusal_of(R"([{"start":0,"length":1},{)" + entry + "}]");
  };
  EXPECT_EQ(refusal(""), "entry 2: has neither a start nor an offset");
  EXPECT_EQ(refusal(R"("length":1)"), "entry 2: has neither a start nor an offset");
  EXPECT_EQ(refusal(R"("start":1)"), "entry 2: has no length");
  EXPECT_EQ(refusal(R"("start":-1)"), "entry 2: start -1 is negative");
  EXPECT_EQ(refusal(R"("offset":1.0)"), "entry 2: offset 1.0 is not a whole number below 2^63");
  EXPECT_EQ(refusal(R"("length":1e3)"), "entry 2: length 1e3 is not a whole number below 2^63");
  EXPECT_EQ(refusal(R"("start":9223372036854775808)"),
            "entry 2: start 9223372036854775808 is not below 2^63");
  EXPECT_EQ(refusal(R"("start":18446744073709551616)"),
            "entry 2: start 18446744073709551616 is not a whole number below 2^63");
  EXPECT_EQ(refusal(R"("start":"0")"), "entry 2: start must not be a string");
  EXPECT_EQ(refusal(R"("start":null)"), "entry 2: start must not be null");
  EXPECT_EQ(refusal(R"("length":true)"), "entry 2: length must not be a boolean");
  EXPECT_EQ(refusal(R"("length":[1])"), "entry 2: length must not be a list");
  EXPECT_EQ(refusal(R"("length":{})"), "entry 2: length must not be an object");
  EXPECT_EQ(refusal(R"("zero":1)"), "entry 2: zero must not be a number");
  EXPECT_EQ(refusal(R"("zero":"true")"), "entry 2: zero must not be a string");
  EXPECT_EQ(refusal(R"("exists":"yes")"), "entry 2: exists 'yes' is neither true nor false");
  EXPECT_EQ(refusal(R"("description":0)"), "entry 2: description must not be a number");
  EXPECT_EQ(refusal(R"("type":"data")"), "entry 2: type must not be a string");
  EXPECT_EQ(refusal(R"("start":0,"start":0)"), "entry 2: start is there twice");
}

TEST(ListFile, FormsDoNotMix) {
  const auto refusal = [](const std::string& entry) {
    return refusal_of(R"([{"start":0,"length":1,)" + entry + "}]");
  };
  EXPECT_EQ(refusal(R"("zero":true)"), "entry 1: has no data, as qemu-img map writes it");
  EXPECT_EQ(refusal(R"("data":true)"), "entry 1: has no zero, as qemu-img map writes it");
  EXPECT_EQ(refusal(R"("depth":0)"), "entry 1: has no zero, as qemu-img map writes it");
  EXPECT_EQ(refusal(R"("data":true,"zero":true,"type":0)"),
            "entry 1: mixes the forms of different programs");
  EXPECT_EQ(refusal(R"("exists":true,"description":"data")"),
            "entry 1: mixes the forms of different programs");
  EXPECT_EQ(refusal_of(R"([{"start":0,"length":1,"exists":true},{"start":1,"length":1}])"),
            "entry 2: has the form of a plain list, the entries before it that of rbd diff");
}

TEST(ListFile, HostileFilesEndSoon) {
  const std::size_t mega = 1 << 20;
  const std::string too_long = ": more than 1048576 bytes of a string, a number or white space";
  EXPECT_EQ(refusal_of(std::string(3 * mega, ' ')), "byte 1048577" + too_long);
  EXPECT_NE(refusal_of("[{\"" + std::string(3 * mega, 'x')).find(too_long), std::string::npos);
  EXPECT_NE(refusal_of("[{\"x\":\"" + std::string(3 * mega, 'x')).find(too_long),
            std::string::npos);
  EXPECT_NE(refusal_of("[{\"start\":" + std::string(3 * mega, '1')).find(too_long),
            std::string::npos);
  std::string literals = "[{\"x\":[";
  while (literals.size() < 3 * mega) literals += "true,";
  EXPECT_NE(refusal_of(literals).find(too_long), std::string::npos);
  EXPECT_NE(refusal_of("[{\"x\":" + std::string(mega, '[')).find("nested deeper than 16"),
            std::string::npos);
  EXPECT_EQ(refusal_of(std::string(mega, '[')), "entry 1: is a list, an object is expected");
  // Just as large, and harmless.
  EXPECT_EQ(entries_of("[{\"x\":\"" + std::string(mega - 10, 'x') + R"(","start":0,"length":1}])" +
                       std::string(mega - 10, ' '))
                .size(),
            1U);
  // A long text is quoted in part.
  EXPECT_LT(refusal_of(R"([{"exists":")" + std::string(mega / 2, 'x') + "\"}]").size(), 200U);
}

TEST(ListFile, WhatCannotBeReadIsRefused) {
  EXPECT_THROW(ListFile("/nonexistent/map.json"), Error);
  ListFile directory("/");
  EXPECT_THROW(directory.read([](const ListEntry&) { return true; }), Error);
}

}  // namespace
}  // namespace qcow2stream
