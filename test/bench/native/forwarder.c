/*
 * The yardstick of the benchmark: what a forwarder on one UDP port costs in C, with recvmmsg and sendmmsg. It looks up who sent each
 * packet and sends it to those who hear that one. It proves nothing and counts nothing.
 *
 *   forwarder ADDRESS [gso] < ROUTES
 *
 * A route is a line `FROM TO TO …` of ports, all at the address in the first line. Prints its own port when it listens.
 * gso: what goes to one receiver in one turn goes out in one message, which the kernel cuts (UDP_SEGMENT).
 */
#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif
#ifndef SOL_UDP
#define SOL_UDP 17
#endif

#define BATCH 64
#define BYTES_MAX 2048
#define BUFFER_BYTES (4 << 20)
/* Of one sendmmsg: the kernel takes 1,024 messages at most. */
#define OUT_MAX 1024
/* Of one message that the kernel cuts: 64 pieces, and 64 KiB with all headers. */
#define PIECES_MAX 64
#define GSO_BYTES_MAX 65000
#define ROUTES_MAX (1 << 17)

struct receiver {
  struct sockaddr_in address;
  /* gso: what waits for it in this turn. */
  int pieces;
  size_t piece_bytes;
  struct iovec vectors[PIECES_MAX];
};

struct route {
  uint64_t key; /* 0: nobody. */
  int count;
  struct receiver **receivers;
};

static struct route routes[ROUTES_MAX];
static struct receiver **by_port;
static int fd;

static struct mmsghdr out[OUT_MAX];
static struct iovec out_vectors[OUT_MAX];
static struct {
  _Alignas(struct cmsghdr) char bytes[CMSG_SPACE(sizeof(uint16_t))];
} out_controls[OUT_MAX];
static int out_count;

static void fail(const char *what) {
  fprintf(stderr, "forwarder: %s: %s\n", what, strerror(errno));
  exit(1);
}

static uint64_t key_of(const struct sockaddr_in *address) {
  return (uint64_t)address->sin_addr.s_addr << 16 | address->sin_port;
}

/* Its place in the table, or the free one that it may have. */
static struct route *find(uint64_t key) {
  uint64_t at = key * 0x9e3779b97f4a7c15u >> 47;
  while (routes[at].key != 0 && routes[at].key != key) at = (at + 1) % ROUTES_MAX;
  return &routes[at];
}

static struct receiver *receiver_at(struct in_addr address, long port) {
  struct receiver **known = &by_port[port];
  if (!*known) {
    *known = calloc(1, sizeof **known);
    (*known)->address = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)port), .sin_addr = address};
  }
  return *known;
}

static void read_routes(void) {
  char *line = NULL;
  size_t size = 0;
  struct in_addr address;
  by_port = calloc(65536, sizeof *by_port);
  if (getline(&line, &size, stdin) < 0) fail("no routes");
  line[strcspn(line, "\n")] = 0;
  if (inet_pton(AF_INET, line, &address) != 1) fail(line);
  while (getline(&line, &size, stdin) > 0) {
    char *rest;
    struct sockaddr_in from = {.sin_addr = address, .sin_port = htons((uint16_t)strtol(line, &rest, 10))};
    struct route *route = find(key_of(&from));
    route->key = key_of(&from);
    for (char *end;; rest = end) {
      long port = strtol(rest, &end, 10);
      if (end == rest) break;
      route->receivers = realloc(route->receivers, (size_t)(route->count + 1) * sizeof *route->receivers);
      route->receivers[route->count++] = receiver_at(address, port);
    }
  }
  free(line);
}

static void flush(void) {
  for (int sent = 0; sent < out_count;) {
    int now = sendmmsg(fd, out + sent, (unsigned)(out_count - sent), 0);
    /* The kernel refuses one message: it is passed over. */
    sent += now > 0 ? now : 1;
  }
  out_count = 0;
}

static struct msghdr *next_message(struct receiver *to) {
  if (out_count == OUT_MAX) flush();
  struct msghdr *message = &out[out_count++].msg_hdr;
  memset(message, 0, sizeof *message);
  message->msg_name = &to->address;
  message->msg_namelen = sizeof to->address;
  return message;
}

static void send_single(struct receiver *to, uint8_t *bytes, size_t size) {
  struct msghdr *message = next_message(to);
  struct iovec *vector = &out_vectors[out_count - 1];
  *vector = (struct iovec){bytes, size};
  message->msg_iov = vector;
  message->msg_iovlen = 1;
}

static void send_pieces(struct receiver *to) {
  struct msghdr *message = next_message(to);
  message->msg_iov = to->vectors;
  message->msg_iovlen = (size_t)to->pieces;
  if (to->pieces > 1) {
    message->msg_control = out_controls[out_count - 1].bytes;
    message->msg_controllen = sizeof out_controls->bytes;
    struct cmsghdr *control = CMSG_FIRSTHDR(message);
    uint16_t size = (uint16_t)to->piece_bytes;
    control->cmsg_level = SOL_UDP;
    control->cmsg_type = UDP_SEGMENT;
    control->cmsg_len = CMSG_LEN(sizeof size);
    memcpy(CMSG_DATA(control), &size, sizeof size);
  }
}

/* The pieces of one message are of one size, but for the last; here all are. */
static int has_room(const struct receiver *to, size_t size) {
  return to->pieces < PIECES_MAX && to->piece_bytes == size && (size_t)(to->pieces + 1) * size <= GSO_BYTES_MAX;
}

int main(int count, char **arguments) {
  static uint8_t buffers[BATCH][BYTES_MAX];
  static struct iovec vectors[BATCH];
  static struct sockaddr_in sources[BATCH];
  static struct mmsghdr in[BATCH];
  static struct receiver *touched[ROUTES_MAX];
  int is_gso = count > 2 && strcmp(arguments[2], "gso") == 0, size = BUFFER_BYTES;
  struct sockaddr_in own = {.sin_family = AF_INET};
  socklen_t own_size = sizeof own;

  if (count < 2 || inet_pton(AF_INET, arguments[1], &own.sin_addr) != 1) fail("forwarder ADDRESS [gso]");
  read_routes();
  fd = socket(AF_INET, SOCK_DGRAM, 0);
  if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size) != 0) setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
  if (bind(fd, (struct sockaddr *)&own, sizeof own) != 0) fail("bind");
  getsockname(fd, (struct sockaddr *)&own, &own_size);
  printf("%d\n", ntohs(own.sin_port));
  fflush(stdout);

  for (int i = 0; i < BATCH; i++) {
    vectors[i] = (struct iovec){buffers[i], BYTES_MAX};
    in[i].msg_hdr = (struct msghdr){.msg_iov = &vectors[i], .msg_iovlen = 1, .msg_name = &sources[i]};
  }
  for (;;) {
    for (int i = 0; i < BATCH; i++) in[i].msg_hdr.msg_namelen = sizeof sources[i];
    int received = recvmmsg(fd, in, BATCH, MSG_WAITFORONE, NULL), touched_count = 0;
    for (int i = 0; i < received; i++) {
      const struct route *route = find(key_of(&sources[i]));
      for (int k = 0; k < route->count; k++) {
        struct receiver *to = route->receivers[k];
        if (!is_gso) {
          send_single(to, buffers[i], in[i].msg_len);
          continue;
        }
        if (to->pieces > 0 && !has_room(to, in[i].msg_len)) {
          /* What waits for it goes first; it stays on the list. */
          send_pieces(to);
          flush();
          to->pieces = 0;
        } else if (to->pieces == 0) touched[touched_count++] = to;
        to->piece_bytes = in[i].msg_len;
        to->vectors[to->pieces++] = (struct iovec){buffers[i], in[i].msg_len};
      }
    }
    for (int i = 0; i < touched_count; i++) send_pieces(touched[i]);
    flush();
    for (int i = 0; i < touched_count; i++) touched[i]->pieces = 0;
  }
}
