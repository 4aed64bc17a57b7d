<#
.SYNOPSIS
    Starts the ac-bridge actor when you log on, keeps it running, and shows how it is.

.DESCRIPTION
    Registers a task that runs as you, in your session and without elevated rights, because
    neither the game's shared memory nor the virtual wheel can be seen by a service. The task
    starts the actor at log-on and again when it ended. What the actor says goes to
    logs\actor.log, which is put aside at 2 MiB; five old ones are kept.

    Settings are read from ac-bridge.toml in the folder of ac-bridge; the first run puts the
    annotated one of deploy\ there.

    No administrator is needed, except for -Firewall and for removing the rule with -Uninstall.
    Works in Windows PowerShell 5.1 and in PowerShell 7.

.PARAMETER Folder
    Where ac-bridge is, with its .venv. Default: the folder that this script belongs to.

.PARAMETER Options
    Options of 'ac-bridge actor' that beat the settings file, as one text.

.PARAMETER TaskName
    What the task is called. Default: ac-bridge.

.PARAMETER Status
    Shows the task, what the actor answers at /healthz, the firewall rule and the end of the log.
    Changes nothing.

.PARAMETER Start
    Starts the actor now, and at each log-on from now on.

.PARAMETER Stop
    Stops the actor; it stays off until -Start. The wheel is left in neutral.

.PARAMETER Firewall
    Lets other machines of a private network reach the actor's port, if the settings say that it
    listens on the network at all. To be run as administrator.

.PARAMETER Uninstall
    Stops the actor and removes the task, and as administrator the firewall rule. Settings, tokens
    and logs stay.

.EXAMPLE
    .\deploy\windows\install.ps1

    Registers the task and starts the actor.

.EXAMPLE
    .\deploy\windows\install.ps1 -Options "--game shm --controller vjoy --control-hz 20"

    The same with options of your own.

.EXAMPLE
    .\deploy\windows\install.ps1 -Status

.EXAMPLE
    .\deploy\windows\install.ps1 -Firewall

    As administrator, once, if the actor listens on the network.

.EXAMPLE
    .\deploy\windows\install.ps1 -Uninstall -WhatIf

    Says what it would remove.

.NOTES
    If Windows refuses to run scripts: powershell -ExecutionPolicy Bypass -File install.ps1
    Nobody who wrote this has Windows: its syntax is checked, and what it starts runs under Wine.
#>
[CmdletBinding(DefaultParameterSetName = 'Install', SupportsShouldProcess = $true)]
param(
    [string] $Folder,

    [Parameter(ParameterSetName = 'Install')]
    [string] $Options = '--game shm --controller vjoy',

    [ValidatePattern('^[\w .-]{1,64}$')]
    [string] $TaskName = 'ac-bridge',

    [Parameter(ParameterSetName = 'Status', Mandatory = $true)]
    [switch] $Status,

    [Parameter(ParameterSetName = 'Start', Mandatory = $true)]
    [switch] $Start,

    [Parameter(ParameterSetName = 'Stop', Mandatory = $true)]
    [switch] $Stop,

    [Parameter(ParameterSetName = 'Firewall', Mandatory = $true)]
    [switch] $Firewall,

    [Parameter(ParameterSetName = 'Uninstall', Mandatory = $true)]
    [switch] $Uninstall
)

Set-StrictMode -Version 2.0
$ErrorActionPreference = 'Stop'

if (-not $Folder) {
    $Folder = Join-Path $PSScriptRoot '..\..'
}
$Folder = (Resolve-Path -LiteralPath $Folder).Path
$Python = Join-Path $Folder '.venv\Scripts\python.exe'
$Windowless = Join-Path $Folder '.venv\Scripts\pythonw.exe'
$Config = Join-Path $Folder 'ac-bridge.toml'
$Log = Join-Path $Folder 'logs\actor.log'
$RuleName = "$TaskName actor"

function Get-Task {
    Get-ScheduledTask -TaskName $TaskName -TaskPath '\' -ErrorAction SilentlyContinue
}

function Test-Administrator {
    $me = [Security.Principal.WindowsIdentity]::GetCurrent()
    $role = [Security.Principal.WindowsBuiltInRole]::Administrator
    (New-Object Security.Principal.WindowsPrincipal $me).IsInRole($role)
}

function Get-ActorSettings {
    # Asked of the settings themselves, so that no second reader of the file can disagree.
    $code = 'import json, pathlib, sys; from ac_bridge.settings import load_settings; ' +
        's = load_settings(pathlib.Path(sys.argv[1])); ' +
        'print(json.dumps([s.host, s.port, bool(s.tls_cert), sys._base_executable]))'
    $told = & $Python -c $code $Config
    if ($LASTEXITCODE -ne 0) {
        throw "The settings in $Config cannot be used. To see why: ac-bridge actor --config=`"$Config`""
    }
    $values = $told | ConvertFrom-Json
    # Python of a .venv only starts the Python that it was made from: that one listens.
    $listener = Join-Path (Split-Path -Parent $values[3]) 'pythonw.exe'
    [pscustomobject]@{ Host = $values[0]; Port = $values[1]; Tls = $values[2]; Listener = $listener }
}

function Test-Loopback([string] $Address) {
    if ($Address -eq 'localhost') {
        return $true
    }
    [Net.IPAddress]::IsLoopback([Net.IPAddress]::Parse($Address))
}

function Get-TaskXml {
    [xml] $xml = Get-Content -Raw -LiteralPath (Join-Path $PSScriptRoot 'ac-bridge-task.xml')
    $user = [Security.Principal.WindowsIdentity]::GetCurrent().Name
    $xml.Task.Triggers.LogonTrigger.UserId = $user
    $xml.Task.Principals.Principal.UserId = $user
    $exec = $xml.Task.Actions.Exec
    $exec.Command = $Windowless
    $exec.Arguments = "-m ac_bridge.guardian.logged `"$Log`" --restart $Options --config `"$Config`""
    $exec.WorkingDirectory = $Folder
    $xml.OuterXml
}

function Install-Actor {
    if (-not (Test-Path -LiteralPath $Windowless)) {
        throw "There is no $Windowless. Run 'uv run ac-bridge demo --fast' in $Folder first."
    }
    if (-not (Test-Path -LiteralPath $Config)) {
        if ($PSCmdlet.ShouldProcess($Config, 'Put the annotated settings there')) {
            Copy-Item -LiteralPath (Join-Path $PSScriptRoot '..\ac-bridge.toml') -Destination $Config
        }
    }
    if ($PSCmdlet.ShouldProcess($TaskName, 'Register the task and start the actor')) {
        if (Get-Task) {
            Stop-ScheduledTask -TaskName $TaskName
        }
        Register-ScheduledTask -TaskName $TaskName -Xml (Get-TaskXml) -Force | Out-Null
        Start-ScheduledTask -TaskName $TaskName
        $settings = Get-ActorSettings
        Write-Output "The actor is started now and at each log-on. It logs to $Log"
        if (-not (Test-Loopback $settings.Host)) {
            Write-Output "It listens on $($settings.Host): run this with -Firewall as administrator, once."
        }
        Write-Output 'How it is: install.ps1 -Status'
    }
}

function Show-Health($Settings) {
    # Any address of this machine will do; the certificate is checked by who drives, not here.
    $name = if (Test-Loopback $Settings.Host) { $Settings.Host } else { '127.0.0.1' }
    if ($Settings.Tls) {
        Write-Output "health    not asked: TLS is on. Look at the log, or at https://${name}:$($Settings.Port)/healthz"
        return
    }
    try {
        $health = Invoke-RestMethod -Uri "http://${name}:$($Settings.Port)/healthz" -TimeoutSec 5
        Write-Output "health    $($health | ConvertTo-Json -Compress)"
    } catch {
        Write-Output "health    no answer: $($_.Exception.Message)"
    }
}

function Show-Actor {
    $task = Get-Task
    if ($task) {
        $info = Get-ScheduledTaskInfo -TaskName $TaskName
        Write-Output "task      $($task.State), last started $($info.LastRunTime), last result $($info.LastTaskResult)"
    } else {
        Write-Output "task      not registered"
    }
    $settings = Get-ActorSettings
    Write-Output "settings  $Config; listens on $($settings.Host):$($settings.Port)"
    Show-Health $settings
    $rule = Get-NetFirewallRule -DisplayName $RuleName -ErrorAction SilentlyContinue
    if ($rule) {
        Write-Output "firewall  rule '$RuleName', $($rule.Profile), enabled: $($rule.Enabled)"
    } else {
        Write-Output 'firewall  no rule of ours'
    }
    foreach ($network in Get-NetConnectionProfile) {
        Write-Output "network   $($network.Name): $($network.NetworkCategory)"
    }
    if (Test-Path -LiteralPath $Log) {
        Write-Output "log       $Log, its end:"
        Get-Content -LiteralPath $Log -Tail 20 -Encoding UTF8
    } else {
        Write-Output "log       $Log is not there yet"
    }
}

function Assert-Task {
    if (-not (Get-Task)) {
        throw "There is no task '$TaskName'. Run install.ps1 without parameters first."
    }
}

function Start-Actor {
    Assert-Task
    if ($PSCmdlet.ShouldProcess($TaskName, 'Enable and start')) {
        Enable-ScheduledTask -TaskName $TaskName | Out-Null
        Start-ScheduledTask -TaskName $TaskName
    }
}

function Stop-Actor {
    Assert-Task
    if ($PSCmdlet.ShouldProcess($TaskName, 'Stop and disable')) {
        # Disabled first: else the next look, within five minutes, would start it again.
        Disable-ScheduledTask -TaskName $TaskName | Out-Null
        Stop-ScheduledTask -TaskName $TaskName
    }
}

function Open-Firewall {
    $settings = Get-ActorSettings
    if (Test-Loopback $settings.Host) {
        Write-Output "The actor listens on $($settings.Host) only: no rule is needed, and none was made."
        return
    }
    if (-not (Test-Administrator)) {
        throw 'A firewall rule needs an administrator: open PowerShell with "Run as administrator".'
    }
    if ($PSCmdlet.ShouldProcess($RuleName, "Let the private network reach TCP port $($settings.Port)")) {
        Remove-NetFirewallRule -DisplayName $RuleName -ErrorAction SilentlyContinue
        $rule = @{
            DisplayName = $RuleName
            Description = 'The ac-bridge actor, from private networks only.'
            Direction   = 'Inbound'
            Action      = 'Allow'
            Profile     = 'Private'
            Protocol    = 'TCP'
            LocalPort   = $settings.Port
            Program     = $settings.Listener
        }
        New-NetFirewallRule @rule | Out-Null
        Write-Output "Private networks reach port $($settings.Port) of $($settings.Listener)."
    }
}

function Uninstall-Actor {
    if ((Get-Task) -and $PSCmdlet.ShouldProcess($TaskName, 'Stop the actor and remove the task')) {
        Stop-ScheduledTask -TaskName $TaskName
        Unregister-ScheduledTask -TaskName $TaskName -Confirm:$false
    }
    if (Get-NetFirewallRule -DisplayName $RuleName -ErrorAction SilentlyContinue) {
        if (-not (Test-Administrator)) {
            Write-Warning "The firewall rule '$RuleName' stays: run this as administrator to remove it."
        } elseif ($PSCmdlet.ShouldProcess($RuleName, 'Remove the firewall rule')) {
            Remove-NetFirewallRule -DisplayName $RuleName
        }
    }
}

switch ($PSCmdlet.ParameterSetName) {
    'Status' { Show-Actor }
    'Start' { Start-Actor }
    'Stop' { Stop-Actor }
    'Firewall' { Open-Firewall }
    'Uninstall' { Uninstall-Actor }
    default { Install-Actor }
}
