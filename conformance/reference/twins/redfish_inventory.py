"""The hardware that the Redfish twin has, and the documents around it."""

from __future__ import annotations

from typing import Any

ROOT = "/redfish/v1"
EDMX = "http://docs.oasis-open.org/odata/ns/edmx"
OK = {"State": "Enabled", "Health": "OK"}
RESET_TYPES = ["On", "ForceOff", "GracefulShutdown", "GracefulRestart", "ForceRestart", "ForceOn", "PushPowerButton", "PowerCycle"]
BOOT_TARGETS = ["None", "Pxe", "Cd", "Usb", "Hdd", "BiosSetup"]
#: Resource -> the name of its schema; the path decides what a thing is.
TYPES = {
    "system": "ComputerSystem.v1_22_0", "processor": "Processor.v1_20_0", "memory-module": "Memory.v1_20_0",
    "ethernet-interface": "EthernetInterface.v1_12_0", "storage-subsystem": "Storage.v1_17_0", "chassis": "Chassis.v1_25_0",
    "manager": "Manager.v1_19_0", "session": "Session.v1_7_0", "account": "ManagerAccount.v1_12_0", "role": "Role.v1_3_0",
    "subscription": "EventDestination.v1_14_0", "task": "Task.v1_7_0", "firmware": "SoftwareInventory.v1_10_0",
}  # fmt: skip
PRIVILEGES = {
    "Administrator": ["Login", "ConfigureManager", "ConfigureUsers", "ConfigureSelf", "ConfigureComponents"],
    "Operator": ["Login", "ConfigureSelf", "ConfigureComponents"],
    "ReadOnly": ["Login", "ConfigureSelf"],
}
#: Resource -> id -> members.
THINGS: dict[str, dict[str, dict[str, Any]]] = {
    "system": {
        "437XR1138R2": {"Name": "WebFrontEnd483", "UUID": "38947555-7742-3448-3784-823347823834", "Model": "T-100"},
        "529QB9450R6": {"Name": "Database12", "UUID": "38947555-7742-3448-3784-823347823835", "Model": "T-200"},
    },
    "processor": {
        "CPU1": {"Name": "Processor 1", "Socket": "CPU 1", "ProcessorType": "CPU", "TotalCores": 8, "TotalThreads": 16, "Status": OK}
    },
    "memory-module": {"DIMM1": {"Name": "DIMM Slot 1", "MemoryDeviceType": "DDR4", "CapacityMiB": 32768, "Status": OK}},
    "ethernet-interface": {
        "1": {"Name": "Ethernet Interface 1", "MACAddress": "12:44:6A:3B:04:11", "PermanentMACAddress": "12:44:6A:3B:04:11", "Status": OK},
        "2": {"Name": "Ethernet Interface 2", "MACAddress": "12:44:6A:3B:04:12", "PermanentMACAddress": "12:44:6A:3B:04:12", "Status": OK},
    },
    "storage-subsystem": {"SATA": {"Name": "Local Storage", "Drives": [], "Status": OK}},
    "chassis": {"1U": {"Name": "Computer System Chassis", "ChassisType": "RackMount", "SerialNumber": "437XR1138R2", "Status": OK}},
    "manager": {"BMC": {"Name": "Manager", "ManagerType": "BMC", "FirmwareVersion": "1.45.455b66-rev4", "Status": OK}},
    "role": {
        name: {"Name": "User Role", "RoleId": name, "IsPredefined": True, "AssignedPrivileges": privileges, "OemPrivileges": []}
        for name, privileges in PRIVILEGES.items()
    },
    "task": {"545": {"Name": "Task 545", "TaskState": "Completed", "TaskStatus": "OK", "PercentComplete": 100}},
    "firmware": {"BMC": {"Name": "Contoso BMC Firmware", "Version": "1.45.455b66-rev4", "Updateable": True, "Status": OK}},
}


def system(id: str) -> dict[str, Any]:
    """Return the members that every system has beside its own."""
    return {
        "SystemType": "Physical", "Manufacturer": "Contoso", "SerialNumber": id, "PowerState": "On", "Status": OK, "HostName": id.lower(),
        "Boot": {
            "BootSourceOverrideEnabled": "Disabled", "BootSourceOverrideMode": "UEFI", "BootSourceOverrideTarget": "None",
            "BootSourceOverrideTarget@Redfish.AllowableValues": BOOT_TARGETS,
        },
        "Actions": {
            "#ComputerSystem.Reset": {
                "target": f"{ROOT}/Systems/{id}/Actions/ComputerSystem.Reset", "ResetType@Redfish.AllowableValues": RESET_TYPES,
            },
        },
    }  # fmt: skip


def document(operation: str) -> dict[str, Any] | str:
    """Return a document of the service by the operation that reads it."""
    documents: dict[str, dict[str, Any] | str] = {
        "getVersions": {"v1": f"{ROOT}/"},
        "getServiceRoot": _root(),
        "getServiceRootWithoutSlash": _root(),
        "getOdataService": {
            "@odata.context": f"{ROOT}/$metadata",
            "value": [{"name": "Service", "kind": "Singleton", "url": f"{ROOT}/"}]
            + [{"name": name, "kind": "Singleton", "url": f"{ROOT}/{name}"} for name in ("Systems", "Chassis", "Managers")],
        },
        "getMetadata": f'<?xml version="1.0" encoding="UTF-8"?>\n<edmx:Edmx xmlns:edmx="{EDMX}" Version="4.0"/>\n',
        "getSessionService": _service("SessionService", "v1_1_9", SessionTimeout=1800, Sessions=_link("SessionService/Sessions")),
        "getAccountService": _service(
            "AccountService", "v1_15_0", HTTPBasicAuth="Enabled", MinPasswordLength=8, MaxPasswordLength=64,
            Accounts=_link("AccountService/Accounts"), Roles=_link("AccountService/Roles"),
        ),
        "getEventService": _service(
            "EventService", "v1_10_0", DeliveryRetryAttempts=3, DeliveryRetryIntervalSeconds=60, EventFormatTypes=["Event"],
            Subscriptions=_link("EventService/Subscriptions"),
        ),
        "getTaskService": _service("TaskService", "v1_2_0", CompletedTaskOverWritePolicy="Manual", Tasks=_link("TaskService/Tasks")),
        "getUpdateService": _service("UpdateService", "v1_14_0", FirmwareInventory=_link("UpdateService/FirmwareInventory")),
    }  # fmt: skip
    return documents[operation]


def _link(path: str) -> dict[str, str]:
    return {"@odata.id": f"{ROOT}/{path}"}


def _service(name: str, version: str, **members: Any) -> dict[str, Any]:
    told = {"@odata.id": f"{ROOT}/{name}", "@odata.type": f"#{name}.{version}.{name}", "Id": name, "Name": name}
    return {**told, "ServiceEnabled": True, "Status": OK, **members}


def _root() -> dict[str, Any]:
    features = ("ExcerptQuery", "FilterQuery", "OnlyMemberQuery", "SelectQuery", "TopSkipQuery")
    return {
        "@odata.id": f"{ROOT}/", "@odata.type": "#ServiceRoot.v1_16_1.ServiceRoot", "Id": "RootService", "Name": "Root Service",
        "RedfishVersion": "1.20.0", "UUID": "92384634-2938-2342-8820-489239905423",
        "ProtocolFeaturesSupported": dict.fromkeys(features, False),
        **{n: _link(n) for n in ("Systems", "Chassis", "Managers", "SessionService", "AccountService", "EventService", "UpdateService")},
        "Tasks": _link("TaskService"), "Links": {"Sessions": _link("SessionService/Sessions")},
    }  # fmt: skip
