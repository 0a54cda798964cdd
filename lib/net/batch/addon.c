/*
 * Batched UDP for one Node process, as a Node-API addon without dependencies: recvmmsg, sendmmsg and UDP_SEGMENT, and one epoll for
 * all sockets, so that a wake-up costs one look however many there are. It knows no packet, no peer and no rule: whose a datagram is
 * and where it goes is decided in TypeScript (batch-socket.ts, which has the layout of the tables).
 *
 * Nothing here keeps a JavaScript object beyond a call, but for the tables and the one callback.
 */
#define _GNU_SOURCE
#include <errno.h>
#include <net/if.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <node_api.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

/* Of libuv, which every Node exports, what is needed here; its header is not part of Node-API's. The number is that of its ABI, 1.x. */
typedef struct uv_loop_s uv_loop_t;
typedef struct uv_handle_s uv_handle_t;
enum { UV_POLL_TYPE = 8, UV_READABLE_EVENT = 1 };
extern size_t uv_handle_size(int type);
extern int uv_poll_init(uv_loop_t *, void *, int);
extern int uv_poll_start(void *, int, void (*)(void *, int, int));
extern int uv_poll_stop(void *);
extern void uv_close(void *, void (*)(uv_handle_t *));

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif
enum { MEMINFO_WORDS = 9, MEMINFO_DROPS = 8 };

#ifdef __GLIBC__
/* Of glibc alone: musl, which takes any libc.so.6 for itself, does not load a file that was made for glibc. */
extern const char *gnu_get_libc_version(void);
__attribute__((used)) static const char *(*const made_for_glibc)(void) = gnu_get_libc_version;
#endif

enum {
  /* Datagrams taken at a time. */
  RECEIVED_MAX = 64,
  /* The most that a datagram can be. Memory that none has reached is never touched, so this costs addresses only; the rest keeps slots
     from falling on the same lines of the cache. */
  DATAGRAM_MAX = 65536,
  SLOT_BYTES = DATAGRAM_MAX + 4096 + 320,
  /* Messages given to `send` at a time, and to the kernel by one call. */
  SENT_MAX = 1024,
  MESSAGES_MAX = 256,
  /* Sockets that one wake-up tells of; the others are told of by the next. */
  READY_MAX = 256,
  /* Segments of one UDP_SEGMENT message (the kernel's limit), the bytes of all, and the largest that is surely sent whole. */
  SEGMENTS_MAX = 64,
  SEGMENTED_BYTES_MAX = 64000,
  SEGMENT_BYTES_MAX = 1400,
  /* Destinations of one `send` are found by hash: a power of two above SENT_MAX. */
  HASH_BITS = 11,
  HASH_SIZE = 1 << HASH_BITS,
  /* A wake-up that brought fewer than this, and came so soon upon the one before, is followed by the next one so much later: at 10,000
     packets a second and more. */
  FEW = 16,
  AT_ONCE_NS = 100000,
  MODERATE_NS = 100000,
  /* Words of an entry in the tables. */
  RECEIVED_WORDS = 8,
  SENT_WORDS = 8,
  /* The words of an entry that say where: from the port to the zone. */
  WHERE_WORDS = 6,
};

struct io {
  napi_env env;
  napi_ref on_ready;
  napi_async_context context;
  napi_async_cleanup_hook_handle cleanup;
  void *poll;
  bool is_polling;
  int epoll;
  /* By descriptor, whether it is a socket that was opened here and not closed: the others are nobody's business here, and these end
     with the environment. */
  bool *is_open;
  int open_size;
  int64_t gather_ns;
  /* Datagrams that the last wake-up brought: few mean that waiting a little would gather more. */
  int last_taken;
  /* It waits of itself where wake-ups follow each other at once. */
  bool is_moderating;
  /* Since when it has had nothing to do. */
  int64_t idle_from_ns;
  uint32_t *received;
  uint32_t *ready;
  napi_ref tables[2];
  /* The table of the `send` that is under way. */
  uint32_t *sent;
  /* The socket takes nothing more in this `send`. */
  bool is_full;
  uint8_t *slots;
  /* Entries that the last batch has used. */
  int in_used;
  struct mmsghdr in[RECEIVED_MAX];
  struct iovec in_bytes[RECEIVED_MAX];
  struct sockaddr_storage in_names[RECEIVED_MAX];
  struct mmsghdr out[MESSAGES_MAX];
  struct iovec out_bytes[SENT_MAX];
  struct sockaddr_storage out_names[MESSAGES_MAX];
  union {
    struct cmsghdr header;
    uint8_t bytes[CMSG_SPACE(sizeof(uint16_t))];
  } out_control[MESSAGES_MAX];
  /* Of each message on its way to the kernel: the first of its entries, and how many there are. */
  uint16_t run_first[MESSAGES_MAX];
  uint16_t run_length[MESSAGES_MAX];
  /* Random, so that strangers cannot choose addresses that fall on one slot. */
  uint64_t hash_keys[WHERE_WORDS];
  /* Entries by destination: the slot, the first and the last of each, the next of each. All slots are -1 between two calls. */
  int16_t hash[HASH_SIZE];
  uint16_t slot[SENT_MAX];
  int16_t first[SENT_MAX];
  int16_t last[SENT_MAX];
  int16_t next[SENT_MAX];
  struct { uint8_t *bytes; size_t size; } packets[SENT_MAX];
};

static int64_t now_ns(void) {
  struct timespec now;
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000000000ll + now.tv_nsec;
}

static void pause_for(int64_t ns) {
  struct timespec pause = {.tv_nsec = ns};
  if (ns > 0) nanosleep(&pause, NULL);
}

static int32_t int_of(napi_env env, napi_value value) {
  int32_t result = 0;
  napi_get_value_int32(env, value, &result);
  return result;
}

static napi_value to_int(napi_env env, int64_t value) {
  napi_value result;
  napi_create_int64(env, value, &result);
  return result;
}

static struct io *begin(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  struct io *io;
  size_t given = count;
  napi_get_cb_info(env, info, &given, arguments, NULL, NULL);
  napi_get_instance_data(env, (void **)&io);
  if (given < count) {
    napi_throw_type_error(env, NULL, "too few arguments");
    return NULL;
  }
  return io;
}

/* The same for what needs the tables. */
static struct io *begin_started(napi_env env, napi_callback_info info, size_t count, napi_value *arguments) {
  struct io *io = begin(env, info, count, arguments);
  if (!io || io->on_ready) return io;
  napi_throw_error(env, NULL, "it has not been started");
  return NULL;
}

/* The elements of a typed array of this kind; NULL, and thrown, for anything else. Of none and of a detached one there are 0. */
static void *elements_of(napi_env env, napi_value value, napi_typedarray_type wanted, size_t *count) {
  static char none;
  napi_typedarray_type type;
  void *elements;
  if (napi_get_typedarray_info(env, value, &type, count, &elements, NULL, NULL) != napi_ok || type != wanted) {
    napi_throw_type_error(env, NULL, "an array of another kind");
    return NULL;
  }
  return elements ? elements : &none;
}

/* The descriptor, where it is one of ours; otherwise -1, which the system refuses. */
static int socket_of(const struct io *io, int fd) {
  return fd >= 0 && fd < io->open_size && io->is_open[fd] ? fd : -1;
}

/* False: no memory. */
static bool keep_open(struct io *io, int fd) {
  if (fd >= io->open_size) {
    int size = 2 * fd + 64;
    bool *grown = realloc(io->is_open, (size_t)size * sizeof *grown);
    if (!grown) return false;
    memset(grown + io->open_size, 0, (size_t)(size - io->open_size) * sizeof *grown);
    io->is_open = grown;
    io->open_size = size;
  }
  return io->is_open[fd] = true;
}

/* The entry's address words, as they stand in a sockaddr. */
static socklen_t write_name(struct sockaddr_storage *name, bool is_ipv6, const uint32_t *entry) {
  if (is_ipv6) {
    struct sockaddr_in6 *ip = (struct sockaddr_in6 *)name;
    memset(ip, 0, sizeof *ip);
    ip->sin6_family = AF_INET6;
    ip->sin6_port = htons((uint16_t)entry[1]);
    memcpy(&ip->sin6_addr, entry + 2, 16);
    ip->sin6_scope_id = entry[6];
    return sizeof *ip;
  }
  struct sockaddr_in *ip = (struct sockaddr_in *)name;
  memset(ip, 0, sizeof *ip);
  ip->sin_family = AF_INET;
  ip->sin_port = htons((uint16_t)entry[1]);
  memcpy(&ip->sin_addr, entry + 2, 4);
  return sizeof *ip;
}

/* open(isIpv6, address, port, zone, receiveBufferBytes): a descriptor, bound; or the system's code, negative. */
static napi_value open_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[5];
  struct io *io = begin(env, info, 5, arguments);
  if (!io) return NULL;
  bool is_ipv6 = int_of(env, arguments[0]) != 0;
  size_t size;
  const uint8_t *address = elements_of(env, arguments[1], napi_uint8_array, &size);
  if (!address) return NULL;
  if (size != (is_ipv6 ? 16 : 4)) {
    napi_throw_type_error(env, NULL, "an address of the wrong size");
    return NULL;
  }
  uint32_t entry[SENT_WORDS] = {0};
  entry[1] = (uint32_t)int_of(env, arguments[2]);
  memcpy(entry + 2, address, size);
  entry[6] = (uint32_t)int_of(env, arguments[3]);
  int fd = socket(is_ipv6 ? AF_INET6 : AF_INET, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return to_int(env, -errno);
  int on = 1;
  if (is_ipv6) setsockopt(fd, IPPROTO_IPV6, IPV6_V6ONLY, &on, sizeof on);
  int receive_bytes = int_of(env, arguments[4]);
  /* The kernel gives what it may; the forced form, for root, goes beyond rmem_max. */
  if (receive_bytes > 0 && setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &receive_bytes, sizeof receive_bytes))
    setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &receive_bytes, sizeof receive_bytes);
  struct sockaddr_storage name;
  socklen_t name_size = write_name(&name, is_ipv6, entry);
  struct epoll_event event = {.events = 0, .data.u32 = (uint32_t)fd};
  if (bind(fd, (struct sockaddr *)&name, name_size) == 0 && epoll_ctl(io->epoll, EPOLL_CTL_ADD, fd, &event) == 0 &&
      keep_open(io, fd))
    return to_int(env, fd);
  int code = errno;
  close(fd);
  return to_int(env, -code);
}

/* port(fd): where it is bound. */
static napi_value port_of(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct io *io = begin(env, info, 1, arguments);
  if (!io) return NULL;
  struct sockaddr_in6 name;
  socklen_t size = sizeof name;
  if (getsockname(socket_of(io, int_of(env, arguments[0])), (struct sockaddr *)&name, &size)) return to_int(env, 0);
  /* At the same place in both families. */
  return to_int(env, ntohs(name.sin6_port));
}

static void on_event(void *, int, int);

/* listen(): the sockets' datagrams are told of from now on, and the process stays alive for them; false for neither. */
static napi_value listen_sockets(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct io *io = begin_started(env, info, 1, arguments);
  if (!io) return NULL;
  bool is_on = int_of(env, arguments[0]) != 0;
  if (is_on != io->is_polling) {
    if (is_on) uv_poll_start(io->poll, UV_READABLE_EVENT, on_event);
    else uv_poll_stop(io->poll);
    io->is_polling = is_on;
  }
  return NULL;
}

/* watch(fd, events): 0 nothing, 1 what arrives, 2 room to send, 3 both. */
static napi_value watch_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct io *io = begin(env, info, 2, arguments);
  if (!io) return NULL;
  int fd = socket_of(io, int_of(env, arguments[0]));
  int wanted = int_of(env, arguments[1]);
  struct epoll_event event = {.data.u32 = (uint32_t)fd};
  event.events = (wanted & 1 ? EPOLLIN : 0) | (wanted & 2 ? EPOLLOUT : 0);
  epoll_ctl(io->epoll, EPOLL_CTL_MOD, fd, &event);
  return NULL;
}

/* close(fd) */
static napi_value close_socket(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct io *io = begin(env, info, 1, arguments);
  if (!io) return NULL;
  int fd = socket_of(io, int_of(env, arguments[0]));
  if (fd < 0) return NULL;
  /* First of all, since a child that is being started may hold a copy, and epoll would go on telling of it. */
  epoll_ctl(io->epoll, EPOLL_CTL_DEL, fd, NULL);
  io->is_open[fd] = false;
  close(fd);
  return NULL;
}

/* drops(fd): datagrams that the kernel has thrown away for want of room, since the socket was opened. */
static napi_value drops_of(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct io *io = begin(env, info, 1, arguments);
  if (!io) return NULL;
  uint32_t memory[MEMINFO_WORDS] = {0};
  socklen_t size = sizeof memory;
  getsockopt(socket_of(io, int_of(env, arguments[0])), SOL_SOCKET, SO_MEMINFO, memory, &size);
  return to_int(env, memory[MEMINFO_DROPS]);
}

/* zone(name): the number of an interface, 0 where there is none. */
static napi_value zone_of(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!begin(env, info, 1, arguments)) return NULL;
  char name[IF_NAMESIZE + 1] = {0};
  size_t size;
  if (napi_get_value_string_utf8(env, arguments[0], name, sizeof name, &size) != napi_ok) return to_int(env, 0);
  return to_int(env, if_nametoindex(name));
}

/* zoneName(number): the name of an interface, empty where there is none. */
static napi_value zone_name_of(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  if (!begin(env, info, 1, arguments)) return NULL;
  char name[IF_NAMESIZE] = {0};
  if_indextoname((unsigned)int_of(env, arguments[0]), name);
  napi_value result;
  napi_create_string_latin1(env, name, NAPI_AUTO_LENGTH, &result);
  return result;
}

/* The bytes of what was received, from this datagram on, one after another, as far as there is room for whole ones. */
static void copy_to(const struct io *io, int from, uint8_t *at, size_t room) {
  for (int i = from; i < io->in_used && io->in[i].msg_len <= room; i++) {
    memcpy(at, io->in_bytes[i].iov_base, io->in[i].msg_len);
    at += io->in[i].msg_len;
    room -= io->in[i].msg_len;
  }
}

/*
 * receive(fd, block, offset): how many datagrams were taken, 0 where there are none. Their bytes are in the block from there on, one after
 * another; those for which there was no room, and all after them, wait for `copy`. The table has an entry for each: size, port, four words
 * of the address, the zone, nothing.
 */
static napi_value receive_batch(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct io *io = begin_started(env, info, 3, arguments);
  if (!io) return NULL;
  int fd = socket_of(io, int_of(env, arguments[0]));
  /* Only what the last batch has changed. */
  for (int i = 0; i < io->in_used; i++) io->in[i].msg_hdr.msg_namelen = sizeof io->in_names[0];
  io->in_used = 0;
  int count;
  do count = recvmmsg(fd, io->in, RECEIVED_MAX, MSG_DONTWAIT, NULL);
  while (count < 0 && errno == EINTR);
  if (count < 0) {
    if (errno == EAGAIN) return to_int(env, 0);
    return to_int(env, -errno);
  }
  io->in_used = count;
  size_t size;
  uint8_t *block = elements_of(env, arguments[1], napi_uint8_array, &size);
  if (!block) return NULL;
  size_t at = (size_t)int_of(env, arguments[2]);
  if (at <= size) copy_to(io, 0, block + at, size - at);
  for (int i = 0; i < count; i++) {
    uint32_t *entry = io->received + i * RECEIVED_WORDS;
    const struct sockaddr_in6 *name = (const struct sockaddr_in6 *)&io->in_names[i];
    entry[0] = io->in[i].msg_len;
    entry[1] = ntohs(name->sin6_port);
    if (name->sin6_family == AF_INET6) {
      memcpy(entry + 2, &name->sin6_addr, 16);
      entry[6] = name->sin6_scope_id;
    } else {
      /* What an IPv6 sender left there would make another sender of this one, or that one. */
      memset(entry + 2, 0, 5 * sizeof *entry);
      memcpy(entry + 2, &((const struct sockaddr_in *)name)->sin_addr, 4);
    }
  }
  return to_int(env, count);
}

/* copy(block, from): the bytes of the datagrams from this one on, as far as there is room, where there was none in the last block. */
static napi_value copy_received(napi_env env, napi_callback_info info) {
  napi_value arguments[2];
  struct io *io = begin_started(env, info, 2, arguments);
  if (!io) return NULL;
  size_t size;
  uint8_t *block = elements_of(env, arguments[0], napi_uint8_array, &size);
  if (!block) return NULL;
  int from = int_of(env, arguments[1]);
  if (from >= 0) copy_to(io, from, block, size);
  return NULL;
}

static bool is_same_destination(const uint32_t *one, const uint32_t *other) {
  return memcmp(one + 1, other + 1, WHERE_WORDS * sizeof *one) == 0;
}

/* Multilinear hashing: for keys that nobody knows, any two destinations meet as seldom as chance has it. */
static uint32_t slot_of(const struct io *io, const uint32_t *entry) {
  uint64_t sum = 0;
  for (int i = 0; i < WHERE_WORDS; i++) sum += io->hash_keys[i] * entry[1 + i];
  return (uint32_t)(sum >> (64 - HASH_BITS));
}

/* Sorts the entries by destination, each destination's in their order. The number of destinations. */
static int sort_by_destination(struct io *io, int count) {
  int destinations = 0;
  for (int i = 0; i < count; i++) {
    const uint32_t *entry = io->sent + i * SENT_WORDS;
    uint32_t slot = slot_of(io, entry);
    while (io->hash[slot] >= 0 &&
           !is_same_destination(io->sent + io->first[io->hash[slot]] * SENT_WORDS, entry))
      slot = (slot + 1) % HASH_SIZE;
    int16_t destination = io->hash[slot];
    io->next[i] = -1;
    if (destination < 0) {
      io->hash[slot] = destination = (int16_t)destinations++;
      io->slot[destination] = (uint16_t)slot;
      io->first[destination] = (int16_t)i;
    } else io->next[io->last[destination]] = (int16_t)i;
    io->last[destination] = (int16_t)i;
  }
  for (int destination = 0; destination < destinations; destination++) io->hash[io->slot[destination]] = -1;
  return destinations;
}

/* How many of the entries from `entry` on can be one message: all of one size, but for the last, which may be shorter. */
static int run_from(struct io *io, int entry) {
  size_t size = io->packets[io->sent[entry * SENT_WORDS]].size;
  if (size == 0 || size > SEGMENT_BYTES_MAX) return 1;
  int length = 1;
  for (int i = io->next[entry]; i >= 0 && length < SEGMENTS_MAX; i = io->next[i]) {
    size_t other = io->packets[io->sent[i * SENT_WORDS]].size;
    if (other == 0 || other > size || (length + 1) * size > SEGMENTED_BYTES_MAX) break;
    length++;
    if (other < size) break;
  }
  return length;
}

/* Puts a run of entries into one message. The number of iovecs in use. */
static int write_message(struct io *io, int message, int entry, int length, int bytes_at, bool is_ipv6) {
  struct msghdr *header = &io->out[message].msg_hdr;
  memset(header, 0, sizeof *header);
  header->msg_name = &io->out_names[message];
  header->msg_namelen = write_name(&io->out_names[message], is_ipv6, io->sent + entry * SENT_WORDS);
  header->msg_iov = io->out_bytes + bytes_at;
  header->msg_iovlen = (size_t)length;
  io->run_first[message] = (uint16_t)entry;
  io->run_length[message] = (uint16_t)length;
  if (length > 1) {
    header->msg_control = &io->out_control[message];
    header->msg_controllen = sizeof io->out_control[message].bytes;
    struct cmsghdr *control = CMSG_FIRSTHDR(header);
    control->cmsg_level = IPPROTO_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof(uint16_t));
    uint16_t size = (uint16_t)io->packets[io->sent[entry * SENT_WORDS]].size;
    memcpy(CMSG_DATA(control), &size, sizeof size);
  }
  for (int i = 0; i < length; i++, entry = io->next[entry]) {
    io->out_bytes[bytes_at + i].iov_base = io->packets[io->sent[entry * SENT_WORDS]].bytes;
    io->out_bytes[bytes_at + i].iov_len = io->packets[io->sent[entry * SENT_WORDS]].size;
  }
  return bytes_at + length;
}

static void tell_run(struct io *io, int message, int code) {
  int entry = io->run_first[message];
  for (int i = 0; i < io->run_length[message]; i++, entry = io->next[entry]) io->sent[entry * SENT_WORDS + 7] = (uint32_t)code;
}

/* 0, or the system's code. */
static int send_one(int fd, const struct msghdr *message) {
  ssize_t sent;
  do sent = sendmsg(fd, message, 0);
  while (sent < 0 && errno == EINTR);
  return sent < 0 ? errno : 0;
}

/* One by one what could not be sent as segments: a path or a device that does not take them. */
static void send_apart(struct io *io, int fd, int message) {
  struct msghdr one = io->out[message].msg_hdr;
  one.msg_iovlen = 1;
  one.msg_control = NULL;
  one.msg_controllen = 0;
  int entry = io->run_first[message];
  for (int i = 0; i < io->run_length[message]; i++, one.msg_iov++, entry = io->next[entry]) {
    int code = io->is_full ? EAGAIN : send_one(fd, &one);
    if (code == EAGAIN) io->is_full = true;
    io->sent[entry * SENT_WORDS + 7] = (uint32_t)code;
  }
}

/* Gives messages to the kernel; what became of each entry stands in its last word. False: it took no segments. */
static bool give(struct io *io, int fd, int messages) {
  bool takes_segments = true;
  for (int at = 0; at < messages;) {
    /* The rest comes after it, or not at all: nothing overtakes. */
    if (io->is_full) {
      tell_run(io, at++, EAGAIN);
      continue;
    }
    int sent = sendmmsg(fd, io->out + at, (unsigned)(messages - at), 0);
    if (sent > 0) {
      for (int i = 0; i < sent; i++) tell_run(io, at + i, 0);
      at += sent;
      continue;
    }
    if (errno == EINTR) continue;
    if (errno == EAGAIN) {
      io->is_full = true;
      continue;
    }
    if (io->run_length[at] > 1 && (errno == EIO || errno == EINVAL || errno == EMSGSIZE)) {
      if (errno == EIO) takes_segments = false;
      send_apart(io, fd, at);
    } else tell_run(io, at, errno);
    at++;
  }
  return takes_segments;
}

/*
 * send(fd, isIpv6, table, count, takesSegments, ...packets): sends the entries of the table: number of the packet, port, four words of the
 * address, zone; the eighth word becomes 0 or the system's code. 1 where segments may be sent, 0 where they may not.
 *
 * The packets are arguments, since to ask for the elements of an array costs more than all else that is asked here.
 */
static napi_value send_batch(napi_env env, napi_callback_info info) {
  enum { OTHERS = 5 };
  napi_value arguments[OTHERS + SENT_MAX];
  size_t given = OTHERS + SENT_MAX;
  struct io *io;
  napi_get_cb_info(env, info, &given, arguments, NULL, NULL);
  napi_get_instance_data(env, (void **)&io);
  int fd = socket_of(io, int_of(env, arguments[0]));
  bool is_ipv6 = int_of(env, arguments[1]) != 0;
  int count = int_of(env, arguments[3]);
  bool takes_segments = int_of(env, arguments[4]) != 0;
  size_t packets = given > OTHERS ? given - OTHERS : 0;
  if (packets > SENT_MAX || count < 0 || count > SENT_MAX) {
    napi_throw_range_error(env, NULL, "too many at a time");
    return NULL;
  }
  /* The pointers hold until this returns: arguments are kept, and no JavaScript runs that could detach one. */
  for (size_t i = 0; i < packets; i++) {
    io->packets[i].bytes = elements_of(env, arguments[OTHERS + i], napi_uint8_array, &io->packets[i].size);
    if (!io->packets[i].bytes) return NULL;
  }
  size_t words;
  io->sent = elements_of(env, arguments[2], napi_uint32_array, &words);
  if (!io->sent) return NULL;
  if (words < (size_t)count * SENT_WORDS) {
    napi_throw_range_error(env, NULL, "a table is too short");
    return NULL;
  }
  for (int i = 0; i < count; i++)
    if (io->sent[i * SENT_WORDS] >= packets) {
      napi_throw_range_error(env, NULL, "no such packet");
      return NULL;
    }
  io->is_full = false;
  int destinations = sort_by_destination(io, count);
  int messages = 0;
  int bytes_at = 0;
  for (int destination = 0; destination < destinations; destination++) {
    for (int entry = io->first[destination]; entry >= 0;) {
      int length = takes_segments ? run_from(io, entry) : 1;
      bytes_at = write_message(io, messages++, entry, length, bytes_at, is_ipv6);
      for (int i = 0; i < length; i++) entry = io->next[entry];
      if (messages == MESSAGES_MAX) {
        if (!give(io, fd, messages)) takes_segments = false;
        messages = bytes_at = 0;
      }
    }
  }
  if (!give(io, fd, messages)) takes_segments = false;
  return to_int(env, takes_segments);
}

/* Something has arrived, or there is room: JavaScript is told which sockets, all at once. */
static void on_event(void *handle, int status, int events) {
  (void)status, (void)events;
  struct io *io = *(struct io **)handle;
  int64_t idle_ns = now_ns() - io->idle_from_ns;
  if (io->last_taken < RECEIVED_MAX) pause_for(io->gather_ns);
  struct epoll_event ready[READY_MAX];
  int count = epoll_wait(io->epoll, ready, READY_MAX, 0);
  if (count <= 0) return;
  for (int i = 0; i < count; i++) {
    io->ready[2 * i] = ready[i].data.u32;
    io->ready[2 * i + 1] = (ready[i].events & (EPOLLIN | EPOLLERR | EPOLLHUP) ? 1 : 0) | (ready[i].events & EPOLLOUT ? 2 : 0);
  }
  napi_handle_scope scope;
  napi_open_handle_scope(io->env, &scope);
  /* Of a worker that is being ended there is no result. */
  napi_value global, function, argument, result = NULL;
  napi_get_global(io->env, &global);
  napi_get_reference_value(io->env, io->on_ready, &function);
  napi_create_int32(io->env, count, &argument);
  /* What it throws is an uncaught exception, as from any callback. */
  if (napi_make_callback(io->env, io->context, global, function, 1, &argument, &result) == napi_pending_exception) {
    napi_value error;
    napi_get_and_clear_last_exception(io->env, &error);
    napi_fatal_exception(io->env, error);
  } else if (napi_get_value_int32(io->env, result, &io->last_taken) != napi_ok) io->last_taken = RECEIVED_MAX;
  napi_close_handle_scope(io->env, scope);
  /* As network cards moderate their interrupts: where the next would follow at once and bring little, the waking costs most. */
  if (io->is_moderating && io->last_taken < FEW && idle_ns < AT_ONCE_NS) pause_for(MODERATE_NS);
  io->idle_from_ns = now_ns();
}

/* gather(microseconds): how long a wake-up waits for more while little arrives; 0: not at all. Until then it moderates itself. */
static napi_value set_gather(napi_env env, napi_callback_info info) {
  napi_value arguments[1];
  struct io *io = begin(env, info, 1, arguments);
  if (!io) return NULL;
  io->gather_ns = 1000ll * int_of(env, arguments[0]);
  io->is_moderating = false;
  return NULL;
}

/* All that it holds. Sockets that nobody has closed too: a worker that is ended leaves no port behind. */
static void release(struct io *io) {
  for (int fd = 0; fd < io->open_size; fd++)
    if (io->is_open[fd]) close(fd);
  free(io->is_open);
  if (io->epoll >= 0) close(io->epoll);
  if (io->slots != MAP_FAILED) munmap(io->slots, (size_t)RECEIVED_MAX * SLOT_BYTES);
  free(io->poll);
  free(io);
}

static void on_closed(uv_handle_t *handle) {
  struct io *io = *(struct io **)handle;
  napi_async_cleanup_hook_handle cleanup = io->cleanup;
  release(io);
  napi_remove_async_cleanup_hook(cleanup);
}

static void on_exit_of_env(napi_async_cleanup_hook_handle cleanup, void *data) {
  struct io *io = data;
  io->cleanup = cleanup;
  uv_close(io->poll, on_closed);
}

/* start(onReady, received, ready): once a process or worker. */
static napi_value start(napi_env env, napi_callback_info info) {
  napi_value arguments[3];
  struct io *io = begin(env, info, 3, arguments);
  if (!io) return NULL;
  if (io->on_ready) {
    napi_throw_error(env, NULL, "it has been started");
    return NULL;
  }
  uint32_t **tables[] = {&io->received, &io->ready};
  size_t words[] = {RECEIVED_MAX * RECEIVED_WORDS, 2 * READY_MAX};
  for (int i = 0; i < 2; i++) {
    size_t length;
    *tables[i] = elements_of(env, arguments[1 + i], napi_uint32_array, &length);
    if (!*tables[i]) return NULL;
    if (length < words[i]) {
      napi_throw_range_error(env, NULL, "a table is too short");
      return NULL;
    }
    napi_create_reference(env, arguments[1 + i], 1, &io->tables[i]);
  }
  napi_create_reference(env, arguments[0], 1, &io->on_ready);
  napi_value resource, name;
  napi_create_object(env, &resource);
  napi_create_string_latin1(env, "LATCHKEY_BATCH", NAPI_AUTO_LENGTH, &name);
  napi_async_init(env, resource, name, &io->context);
  return NULL;
}

/* srtp.c */
extern void define_srtp(napi_env env, napi_value exports);
/* mac.c */
extern void define_mac(napi_env env, napi_value exports);

static napi_value define(napi_env env, napi_value exports) {
  struct io *io = calloc(1, sizeof *io);
  if (!io) {
    napi_throw_error(env, NULL, "no memory");
    return NULL;
  }
  uv_loop_t *loop;
  io->env = env;
  io->slots = mmap(NULL, (size_t)RECEIVED_MAX * SLOT_BYTES, PROT_READ | PROT_WRITE,
                   MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  io->epoll = epoll_create1(EPOLL_CLOEXEC);
  /* The first word of a libuv handle is the user's. */
  io->poll = calloc(1, uv_handle_size(UV_POLL_TYPE));
  if (io->slots == MAP_FAILED || io->epoll < 0 || !io->poll ||
      getrandom(io->hash_keys, sizeof io->hash_keys, 0) != sizeof io->hash_keys ||
      napi_get_uv_event_loop(env, &loop) != napi_ok || uv_poll_init(loop, io->poll, io->epoll)) {
    release(io);
    napi_throw_error(env, NULL, "no memory or descriptors");
    return NULL;
  }
  *(struct io **)io->poll = io;
  memset(io->hash, -1, sizeof io->hash);
  io->in_used = RECEIVED_MAX;
  io->is_moderating = true;
  for (int i = 0; i < RECEIVED_MAX; i++) {
    io->in_bytes[i].iov_base = io->slots + (size_t)i * SLOT_BYTES;
    io->in_bytes[i].iov_len = DATAGRAM_MAX;
    io->in[i].msg_hdr.msg_iov = &io->in_bytes[i];
    io->in[i].msg_hdr.msg_iovlen = 1;
    io->in[i].msg_hdr.msg_name = &io->in_names[i];
  }
  napi_set_instance_data(env, io, NULL, NULL);
  napi_add_async_cleanup_hook(env, on_exit_of_env, io, NULL);
  struct {
    const char *name;
    napi_callback function;
  } functions[] = {
      {"start", start},         {"open", open_socket},   {"port", port_of},         {"listen", listen_sockets},
      {"watch", watch_socket},  {"close", close_socket}, {"drops", drops_of},       {"zone", zone_of},
      {"zoneName", zone_name_of}, {"receive", receive_batch}, {"copy", copy_received}, {"send", send_batch},
      {"gather", set_gather},
  };
  for (size_t i = 0; i < sizeof functions / sizeof *functions; i++) {
    napi_value function;
    napi_create_function(env, functions[i].name, NAPI_AUTO_LENGTH, functions[i].function, NULL, &function);
    napi_set_named_property(env, exports, functions[i].name, function);
  }
  define_srtp(env, exports);
  define_mac(env, exports);
  return exports;
}

NAPI_MODULE_INIT() { return define(env, exports); }
