/* The three shared-memory pages of Assetto Corsa 1.16, as a C program on Windows would declare them.
 *
 * Written by hand from what is known about the pages, for one purpose: the Windows compiler lays
 * them out, and test_abi.py compares that with ac_bridge.telemetry.layout, which counts bytes by
 * itself. Natural alignment; wchar_t has two bytes on Windows. What the fields mean, and which of
 * them are confirmed, is told in docs/telemetry.md.
 */

#ifndef ACPMF_H
#define ACPMF_H

#include <wchar.h>

enum { WHEELS = 4, AXES = 3, TIME_TEXT = 15, NAME_TEXT = 33 };

/* Local\acpmf_physics: written at every physics step. */
struct physics {
    int packetId;
    float gas, brake, fuel;
    int gear, rpms;
    float steerAngle, speedKmh;
    float velocity[AXES], accG[AXES];
    float wheelSlip[WHEELS], wheelLoad[WHEELS], wheelsPressure[WHEELS], wheelAngularSpeed[WHEELS];
    float tyreWear[WHEELS], tyreDirtyLevel[WHEELS], tyreCoreTemperature[WHEELS];
    float camberRAD[WHEELS], suspensionTravel[WHEELS];
    float drs, tc;
    float heading, pitch, roll, cgHeight;
    float carDamage[5];
    int numberOfTyresOut, pitLimiterOn;
    float abs;
    float kersCharge, kersInput;
    int autoShifterOn;
    float rideHeight[2];
    float turboBoost, ballast, airDensity, airTemp, roadTemp;
    float localAngularVel[AXES];
    float finalFF, performanceMeter;
    int engineBrake, ersRecoveryLevel, ersPowerLevel, ersHeatCharging, ersIsCharging;
    float kersCurrentKJ;
    int drsAvailable, drsEnabled;
    float brakeTemp[WHEELS];
    float clutch;
    float tyreTempI[WHEELS], tyreTempM[WHEELS], tyreTempO[WHEELS];
    int isAIControlled;
    float tyreContactPoint[WHEELS][AXES];
    float tyreContactNormal[WHEELS][AXES];
    float tyreContactHeading[WHEELS][AXES];
    float brakeBias;
    float localVelocity[AXES];
    int P2PActivations, P2PStatus, currentMaxRpm;
};

/* Local\acpmf_graphics: written once a drawn frame. */
struct graphics {
    int packetId, status, session;
    wchar_t currentTime[TIME_TEXT], lastTime[TIME_TEXT], bestTime[TIME_TEXT], split[TIME_TEXT];
    int completedLaps, position;
    int iCurrentTime, iLastTime, iBestTime;
    float sessionTimeLeft, distanceTraveled;
    int isInPit, currentSectorIndex, lastSectorTime, numberOfLaps;
    wchar_t tyreCompound[NAME_TEXT];
    float replayTimeMultiplier, normalizedCarPosition;
    float carCoordinates[AXES];
    float penaltyTime;
    int flag, idealLineOn, isInPitLane;
    float surfaceGrip;
    int mandatoryPitDone;
    float windSpeed, windDirection;
    int timeLimitSessionLeft, isEscMenuVisible;
};

/* Local\acpmf_static: written once, when the car is loaded. */
struct statics {
    wchar_t smVersion[TIME_TEXT], acVersion[TIME_TEXT];
    int numberOfSessions, numCars;
    wchar_t carModel[NAME_TEXT], track[NAME_TEXT];
    wchar_t playerName[NAME_TEXT], playerSurname[NAME_TEXT], playerNick[NAME_TEXT];
    int sectorCount;
    float maxTorque, maxPower;
    int maxRpm;
    float maxFuel;
    float suspensionMaxTravel[WHEELS], tyreRadius[WHEELS];
    float maxTurboBoost, deprecated_1, deprecated_2;
    int penaltiesEnabled;
    float aidFuelRate, aidTireRate, aidMechanicalDamage;
    int aidAllowTyreBlankets;
    float aidStability;
    int aidAutoClutch, aidAutoBlip;
    int hasDRS, hasERS, hasKERS;
    float kersMaxJ;
    int engineBrakeSettingsCount, ersPowerControllerCount;
    float trackSPlineLength;
    wchar_t trackConfiguration[NAME_TEXT];
    float ersMaxJ;
    int isTimedRace, hasExtraLap;
    wchar_t carSkin[NAME_TEXT];
    int reversedGridPositions, PitWindowStart, PitWindowEnd;
};

#endif
