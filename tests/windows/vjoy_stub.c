/* A stand-in for the library of the vJoy driver, vJoyInterface.dll, for tests without a driver.
 *
 * It has one device, number 1, and exports what pyvjoy 1.0.1 calls and what asks for the device's
 * abilities. A named section, Local\ac_bridge_vjoy_stub, counts the calls and holds switches that a
 * test sets to play the driver's failures (helpers/vjoy_stub.py mirrors it). All zero is a fresh,
 * working device, so whoever maps the section first need not prepare it. It lives as long as
 * anybody holds it: the device keeps its state between the processes that feed it.
 *
 * Each update also goes, as the stand-in game's device, into Local\ac_bridge_wheel, from which
 * `ac-bridge simulate` reads its wheel.
 *
 * What it does not model: the driver's delays, force feedback, hats, more than 32 buttons, 32-bit
 * processes. Unverified on a real driver: that a device keeps its last state when it is let go.
 */

#include <windows.h>

#include <string.h>

#define EXPORT __declspec(dllexport)

enum { DEVICE = 1 };
enum { DEFAULT_AXIS_MIN = 1, DEFAULT_AXIS_MAX = 32768, DEFAULT_BUTTONS = 32 };
enum { FIRST_USAGE = 0x30, AXIS_USAGES = 9 };     /* X Y Z RX RY RZ SL0 SL1 WHL */
enum { STATUS_OWN, STATUS_FREE, STATUS_BUSY, STATUS_MISSING, STATUS_UNKNOWN };
enum { LIBRARY_VERSION = 0x218, OTHER_VERSION = 0x219 };

/* What a feeder hands over: JOYSTICK_POSITION_V2 of the driver's interface, 108 bytes. */
typedef struct {
    BYTE bDevice;
    LONG wThrottle, wRudder, wAileron;
    LONG wAxisX, wAxisY, wAxisZ, wAxisXRot, wAxisYRot, wAxisZRot;
    LONG wSlider, wDial, wWheel;
    LONG wAxisVX, wAxisVY, wAxisVZ, wAxisVBRX, wAxisVRBY, wAxisVRBZ;
    LONG lButtons;
    DWORD bHats, bHatsEx1, bHatsEx2, bHatsEx3;
    LONG lButtonsEx1, lButtonsEx2, lButtonsEx3;
} Position;
_Static_assert(sizeof(Position) == 108, "the driver's interface has 108 bytes here");

/* The section that a test reads and writes. */
typedef struct {
    /* Switches. */
    LONG disabled;           /* not 0: the driver is installed and switched off */
    LONG version_mismatch;   /* not 0: driver and library have different versions */
    LONG missing;            /* not 0: the driver is there, the device is not */
    LONG busy;               /* not 0: another feeder owns the device */
    LONG updates_to_lose;    /* so many updates fail, each also taking the device away */
    LONG axis_min, axis_max; /* the range of every axis; both 0: 1 to 32768 */
    LONG axes_absent;        /* bit mask of axes that the device lacks; bit 0 is X */
    LONG buttons;            /* how many it has; 0: 32, negative: none */
    /* State. */
    LONG owner;              /* id of the process that feeds the device, or 0 */
    Position position;       /* the last that was accepted */
    /* Counters. */
    LONG acquired, relinquished, updates, updates_failed, single_changes, resets;
} Stub;

/* The stand-in game's device, as ac_bridge.standin.wheel reads it: axes from 1 to 32768. */
typedef struct {
    LONG steer, throttle, brake, clutch;
    DWORD buttons;
} Wheel;

static Stub *stub;
static Wheel *wheel;

static void *section(const char *name, DWORD size_bytes, BOOL *is_new)
{
    HANDLE mapping = CreateFileMappingA(INVALID_HANDLE_VALUE, NULL, PAGE_READWRITE, 0, size_bytes, name);
    *is_new = mapping != NULL && GetLastError() != ERROR_ALREADY_EXISTS;
    return mapping == NULL ? NULL : MapViewOfFile(mapping, FILE_MAP_ALL_ACCESS, 0, 0, 0);
}

BOOL WINAPI DllMain(HINSTANCE instance, DWORD reason, LPVOID reserved)
{
    BOOL is_new;
    (void)instance;
    (void)reserved;
    if (reason != DLL_PROCESS_ATTACH)
        return TRUE;
    stub = section("Local\\ac_bridge_vjoy_stub", sizeof(Stub), &is_new);
    wheel = section("Local\\ac_bridge_wheel", sizeof(Wheel), &is_new);
    if (wheel != NULL && is_new)
        *wheel = (Wheel){16384, 1, 1, 1, 0};
    return stub != NULL && wheel != NULL;
}

/* --- The device -------------------------------------------------------------------------------- */

static LONG axis_min(void)
{
    return stub->axis_min == 0 && stub->axis_max == 0 ? DEFAULT_AXIS_MIN : stub->axis_min;
}

static LONG axis_max(void)
{
    return stub->axis_min == 0 && stub->axis_max == 0 ? DEFAULT_AXIS_MAX : stub->axis_max;
}

static BOOL has_axis(UINT usage)
{
    UINT axis = usage - FIRST_USAGE;
    return axis < AXIS_USAGES && !(stub->axes_absent & (1 << axis));
}

static BOOL is_owned(UINT device)
{
    return device == DEVICE && !stub->disabled && !stub->missing && !stub->busy &&
           stub->owner == (LONG)GetCurrentProcessId();
}

/* An owner that was killed owns nothing: the real driver sees its handle closed. */
static void forget_dead_owner(void)
{
    LONG owner = stub->owner;
    HANDLE process;
    DWORD status = STILL_ACTIVE;
    if (owner == 0 || owner == (LONG)GetCurrentProcessId())
        return;
    process = OpenProcess(PROCESS_QUERY_LIMITED_INFORMATION, FALSE, (DWORD)owner);
    if (process != NULL) {
        GetExitCodeProcess(process, &status);
        CloseHandle(process);
    }
    if (process == NULL || status != STILL_ACTIVE)
        InterlockedCompareExchange(&stub->owner, 0, owner);
}

/* As the game's device interface does: any range of counts becomes 1 to 32768. */
static LONG standin_counts(LONG counts)
{
    LONGLONG travelled = (LONGLONG)counts - axis_min();
    return (LONG)(1 + travelled * 32767 / (axis_max() - axis_min()));
}

static void publish(void)
{
    const Position *now = &stub->position;
    wheel->steer = standin_counts(now->wAxisX);
    wheel->throttle = standin_counts(now->wAxisY);
    wheel->brake = standin_counts(now->wAxisZ);
    wheel->clutch = standin_counts(now->wAxisZRot);
    wheel->buttons = (DWORD)now->lButtons;
}

static LONG *axis_of(UINT usage)
{
    Position *now = &stub->position;
    LONG *axes[AXIS_USAGES] = {
        &now->wAxisX, &now->wAxisY, &now->wAxisZ, &now->wAxisXRot, &now->wAxisYRot,
        &now->wAxisZRot, &now->wSlider, &now->wDial, &now->wWheel,
    };
    return axes[usage - FIRST_USAGE];
}

/* --- The driver -------------------------------------------------------------------------------- */

EXPORT BOOL __cdecl vJoyEnabled(void)
{
    return !stub->disabled;
}

EXPORT SHORT __cdecl GetvJoyVersion(void)
{
    return stub->disabled ? 0 : LIBRARY_VERSION;
}

/* Addresses are written to unless they are null, and pyvjoy's own wrapper passes none at all. */
EXPORT BOOL __cdecl DriverMatch(WORD *library, WORD *driver)
{
    if (library != NULL)
        *library = LIBRARY_VERSION;
    if (driver != NULL)
        *driver = stub->version_mismatch ? OTHER_VERSION : LIBRARY_VERSION;
    return !stub->disabled && !stub->version_mismatch;
}

/* --- What the device has ----------------------------------------------------------------------- */

EXPORT int __cdecl GetVJDStatus(UINT device)
{
    if (stub->disabled || stub->missing || device != DEVICE)
        return STATUS_MISSING;
    if (stub->busy)
        return STATUS_BUSY;
    forget_dead_owner();
    if (stub->owner == 0)
        return STATUS_FREE;
    return is_owned(device) ? STATUS_OWN : STATUS_BUSY;
}

EXPORT BOOL __cdecl GetVJDAxisExist(UINT device, UINT usage)
{
    return device == DEVICE && !stub->missing && has_axis(usage);
}

EXPORT BOOL __cdecl GetVJDAxisMin(UINT device, UINT usage, LONG *counts)
{
    if (!GetVJDAxisExist(device, usage))
        return FALSE;
    *counts = axis_min();
    return TRUE;
}

EXPORT BOOL __cdecl GetVJDAxisMax(UINT device, UINT usage, LONG *counts)
{
    if (!GetVJDAxisExist(device, usage))
        return FALSE;
    *counts = axis_max();
    return TRUE;
}

EXPORT int __cdecl GetVJDButtonNumber(UINT device)
{
    if (device != DEVICE || stub->missing || stub->buttons < 0)
        return 0;
    return stub->buttons ? stub->buttons : DEFAULT_BUTTONS;
}

/* --- Who feeds the device ---------------------------------------------------------------------- */

EXPORT BOOL __cdecl AcquireVJD(UINT device)
{
    if (GetVJDStatus(device) != STATUS_FREE ||
        InterlockedCompareExchange(&stub->owner, (LONG)GetCurrentProcessId(), 0) != 0)
        return FALSE;
    InterlockedIncrement(&stub->acquired);
    return TRUE;
}

/* The driver's returns nothing, and pyvjoy takes a 0 that happens to be there for a failure. */
EXPORT BOOL __cdecl RelinquishVJD(UINT device)
{
    if (is_owned(device)) {
        stub->owner = 0;
        InterlockedIncrement(&stub->relinquished);
    }
    return TRUE;
}

/* --- Feeding it -------------------------------------------------------------------------------- */

EXPORT BOOL __cdecl UpdateVJD(UINT device, const Position *position)
{
    if (is_owned(device) && stub->updates_to_lose > 0) {
        stub->updates_to_lose--;
        stub->owner = 0;
    }
    if (!is_owned(device) || position->bDevice != DEVICE) {
        InterlockedIncrement(&stub->updates_failed);
        return FALSE;
    }
    memcpy(&stub->position, position, sizeof(Position));
    publish();
    InterlockedIncrement(&stub->updates);
    return TRUE;
}

EXPORT BOOL __cdecl SetAxis(LONG counts, UINT device, UINT usage)
{
    if (!is_owned(device) || !has_axis(usage))
        return FALSE;
    *axis_of(usage) = counts;
    publish();
    InterlockedIncrement(&stub->single_changes);
    return TRUE;
}

EXPORT BOOL __cdecl SetBtn(BOOL down, UINT device, UCHAR button)
{
    LONG bit;
    if (!is_owned(device) || button < 1 || button > GetVJDButtonNumber(device) || button > 32)
        return FALSE;
    bit = (LONG)(1u << (button - 1));
    stub->position.lButtons = down ? stub->position.lButtons | bit : stub->position.lButtons & ~bit;
    publish();
    InterlockedIncrement(&stub->single_changes);
    return TRUE;
}

/* Axes to their centre, buttons released: the driver's default. */
EXPORT BOOL __cdecl ResetVJD(UINT device)
{
    UINT usage;
    if (!is_owned(device))
        return FALSE;
    memset(&stub->position, 0, sizeof(Position));
    stub->position.bDevice = DEVICE;
    for (usage = FIRST_USAGE; usage < FIRST_USAGE + AXIS_USAGES; usage++)
        *axis_of(usage) = (axis_min() + axis_max()) / 2;
    publish();
    InterlockedIncrement(&stub->resets);
    return TRUE;
}
